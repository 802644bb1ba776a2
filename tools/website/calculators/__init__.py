"""The calculators of book/calculators.md: sliders that run the package's own functions in the page.

Each calculator is a module of its own beside this one, with its declaration and what it computes from the chapter's
functions; their names stand in `declared.NAMES`. What the page runs (`declared`, `chart`, `answer` and these) is the
Python that runs here, so it imports nothing but the standard library and `advantage.strategy`.
"""
