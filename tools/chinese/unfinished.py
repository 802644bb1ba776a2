"""What is still to be mended, page by page: the rules that its catalogue breaks. This list only shrinks.

A test fails for a page that breaks another rule, and for a rule in this list that its page keeps.
`python tools/chinese unfinished` takes out what is done.
"""

UNFINISHED: dict[str, set[str]] = {
    "book/glossary": {"excluded", "terms"},
    "book/index": {"excluded"},
    "book/notation": {"excluded", "terms"},
    "book/source-audit": {"excluded"},
    "notebooks/models/attention": {"excluded", "glossed"},
    "notebooks/models/gan-losses": {"excluded", "glossed"},
    "notebooks/start/your-machine": {"excluded", "glossed"},
    "notebooks/strategy/unit-economics": {"excluded", "glossed", "terms"},
    "notebooks/textgen/corpus": {"excluded", "glossed", "misread"},
    "notebooks/textgen/gpt": {"excluded", "glossed", "misread", "reductions"},
    "notebooks/textgen/lstm": {"glossed"},
    "notebooks/textgen/sampling": {"excluded", "glossed", "terms"},
    "notebooks/textgen/training-well": {"excluded", "glossed", "misread", "terms"},
}
