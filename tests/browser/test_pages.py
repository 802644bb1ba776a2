"""Every page of both languages, on a desktop in the light theme and on a phone in the dark one.

WCAG 2 by axe, and what a reader sees. One visit for both: loading a page costs as much as looking at it.
"""

import pytest

pytestmark = pytest.mark.timeout(120)


def test_page(path, open_page, check_page):
    page = open_page(path, "desktop", "light")
    problems = [f"desktop, light: {problem}" for problem in check_page(page)]
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    problems += [f"phone, dark: {problem}" for problem in check_page(page)]
    assert not problems, "\n".join(problems)
