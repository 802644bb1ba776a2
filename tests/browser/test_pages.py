"""Every page once: the English ones on a desktop in the light theme, the Chinese ones on a phone in the dark one.

WCAG 2 by axe, and what a reader sees. The two editions have the same elements and one stylesheet, so that each is the
other's check; reader tests hold the other two combinations on examples.
"""

import pytest

pytestmark = pytest.mark.timeout(300)


def test_page(path, open_page, check_page):
    assert not check_page(open_page(path, *(("phone", "dark") if path.startswith("zh/") else ("desktop", "light"))))


@pytest.mark.parametrize("example", ["notebooks/models/attention.html", "zh/notebooks/models/attention.html"])
def test_other_sizes(example, open_page, check_page):
    assert not check_page(
        open_page(example, *(("desktop", "light") if example.startswith("zh/") else ("phone", "dark")))
    )
