"""The Chinese edition. `python tools/chinese --help` lists the commands; no module imports one that comes after it:

text.py         the messages of Markdown, and Markdown with its messages replaced
figures.py      the same for the texts of a figure
messages.py     all that is to be translated, page by page, in the order of the page
catalogues.py   the catalogues under book/locale: read, update, write
edition.py      the Chinese pages, notebooks and pictures
numerals.py     the numbers of a text
rules.py        what a translation keeps
glossary.py     terms, their Chinese and what is not to be used for them
check.py        everything that is wrong with the catalogues
"""
