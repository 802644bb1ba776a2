"""Every page of both languages on a desktop, in the light theme: WCAG 2 by axe, and what a reader sees."""


def test_page(path, open_page, check_page):
    assert not (problems := check_page(open_page(path, "desktop", "light"))), "\n".join(problems)
