"""What is still to be mended, page by page: the rules that its catalogue breaks. This list only shrinks.

A test fails for a page that breaks another rule, and for a rule in this list that its page keeps.
`python tools/chinese unfinished` takes out what is done.
"""

UNFINISHED: dict[str, set[str]] = {}
