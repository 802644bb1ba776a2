"""`python tools/website`: see website/build.py."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":
    from website.build import main

    sys.exit(main())
