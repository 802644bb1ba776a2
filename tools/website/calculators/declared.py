"""How a calculator is declared: its arguments with unit, range and start, its function, its sentences, its chart.

`start` is a number, or a function without arguments that reads it from the package's records when the page is built.
Arguments of two calculators with the same `key` are one setting: a reader who moves it moves it in both, and the link
carries it over. Every text is English, and a message of the page's Chinese catalogue.
"""

from collections import namedtuple

NAMES = [
    "unit-economics",
    "two-sided",
    "price-plan",
    "build-or-buy",
    "flywheel",
    "runway",
]  # in the order of the page; - is _ in the module

# spread: how the slider goes from low to high: "even", or "log" in equal ratios; decimals: of the slider's values
Argument = namedtuple("Argument", "name label unit low high start spread decimals key", defaults=("even", 2, None))
# y: an output; label: what the line is
Line = namedtuple("Line", "y label")
# across: the argument along the horizontal axis; y_label with its unit; y_spread as in Argument
Chart = namedtuple("Chart", "title across y_label y_spread lines")
# outputs: name → how a sentence prints it ("$", "%", "#"); sentences: case → text; chapter: its page in the book
Calculator = namedtuple("Calculator", "name chapter function arguments outputs sentences chart")

WORDS = {  # of the page itself
    "reset": "As in the chapter",
    "copy": "Copy the link",
    "copied": "Copied",
    "loading": "Loading Python …",
    "failed": "Python could not be loaded. The result is that of the start.",
    "noscript": "The sliders need JavaScript. What you see is the result of the start.",
    "money": "$%s",
    "axis": "%s (%s)",
    "refused": "%s.",
    "held": "%s; the function says: %s.",
    "none": "No result for these settings.",
    "chapter": "The chapter: %s",
    "here": "Here: %s",
}
RULES = {  # what advantage.checks says is right → a word for it
    "a finite number": "it must be a finite number",
    "a positive, finite number": "it must be a finite number above 0",
    "a finite number, not negative": "it must be a finite number, 0 or above",
    "a share, from 0 to 1": "it must be a share, from 0 to 1",
}


def calculator(name):
    """The declaration of a calculator. Raises ValueError for a name that is none."""
    if name not in NAMES:
        raise ValueError(f"name: {name!r}; must be one of {', '.join(NAMES)}")
    module = f"website.calculators.{name.replace('-', '_')}"
    return __import__(module, fromlist=["CALCULATOR"]).CALCULATOR


def key(declared, argument):
    """What a setting is called in a link."""
    return argument.key or f"{declared.name}.{argument.name}"


def start(argument):
    """Where an argument starts, as the chapter has it."""
    return argument.start() if callable(argument.start) else argument.start


def texts(declared):
    """Every text of a calculator, in the order of the page."""
    for argument in declared.arguments:
        yield argument.label
        yield argument.unit
    yield from declared.sentences.values()
    yield declared.chart.title
    yield declared.chart.y_label
    for line in declared.chart.lines:
        yield line.label
