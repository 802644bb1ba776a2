"""What a calculator says for a reader's settings: a sentence and a chart, or why there is none. Runs in the page."""

from collections import namedtuple

from website.calculators.chart import drawn, shown
from website.calculators.declared import RULES, WORDS, calculator

POINTS = 21  # of a curve
Answer = namedtuple("Answer", "sentence chart")
Refusal = namedtuple("Refusal", "sentence arguments")


def numbers(name, values):
    """The outputs of a calculator, in the order of its declaration. Raises what its function raises."""
    declared = calculator(name)
    found = declared.function(*values)
    return [float(found[output]) for output in declared.outputs]


def answer(name, values, word=str):
    """The answer in words that `word` looks up; a refusal if the function raises a ValueError for these values."""
    declared = calculator(name)
    try:
        found = declared.function(*values)
    except ValueError as error:
        return _refusal(declared, str(error), word)
    return Answer(_sentence(declared, found, word), _chart(declared, values, found, word))


def printed(value, kind, word=str):
    """A number as a sentence prints it: dollars, per cent, or plain, each with three digits that count."""
    if kind == "%":
        return shown(100 * value)
    if kind != "$":
        return shown(value)
    dollars = word(WORDS["money"]).replace("%s", shown(abs(value), cents=True))
    return f"−{dollars}" if value < 0 else dollars


def _sentence(declared, found, word):
    text = word(declared.sentences[found.get("case", "")])
    for output, kind in declared.outputs.items():
        text = text.replace("{" + output + "}", printed(found[output], kind, word))
    return text


def _chart(declared, values, found, word):
    chart, names = declared.chart, [argument.name for argument in declared.arguments]
    place = names.index(chart.across)
    across = declared.arguments[place]
    xs = [position(across, n / (POINTS - 1)) for n in range(POINTS)]
    rows = [_computed(declared, [*values[:place], x, *values[place + 1 :]]) for x in xs]
    lines = [(word(line.label), [row and row[line.y] for row in rows], found[line.y]) for line in chart.lines]
    label = word(WORDS["axis"]).replace("%s", word(across.label), 1).replace("%s", word(across.unit), 1)
    x_axis = (label, across.spread == "log")
    y_axis = (word(chart.y_label), chart.y_spread == "log")
    title = word(chart.title)
    here = word(WORDS["here"]).replace("%s", shown(values[place]))
    return drawn(title, x_axis, y_axis, xs, lines, float(values[place]), here)


def _computed(declared, values):
    try:
        return declared.function(*values)
    except ValueError:
        return None  # a gap in the curve


def position(argument, share):
    """The value at a share of the way from an argument's low end to its high one."""
    if argument.spread == "log":
        return argument.low * (argument.high / argument.low) ** share
    return argument.low + (argument.high - argument.low) * share


def _refusal(declared, error, word):
    """The function's own words; in another language what they mean, with these in brackets."""
    named = error.partition(":")[0].replace(",", " ").split()
    meant = [argument for argument in declared.arguments if argument.name in named]
    sentence = word(WORDS["refused"]).replace("%s", error)
    rule = RULES.get(error.partition("; must be ")[2])
    if meant and rule and word(rule) != rule:
        sentence = word(WORDS["held"]).replace("%s", word(rule), 1).replace("%s", error, 1)
    return Refusal(sentence, [argument.name for argument in meant])
