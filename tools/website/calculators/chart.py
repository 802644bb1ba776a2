"""A line chart as SVG, in plain Python, for a wide page and for a phone. Colours are the stylesheet's.

Runs in the page. Lines differ by their dashes, so that they read in grey; a dot on each, where a dotted line crosses
it, is the reader's setting.
"""

from math import ceil, floor, log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 280, 58, 10, 26, 48
ROW = 20  # of the legend
DECADES = 7  # that a logarithmic axis shows, at most


def fixed(size, digits):
    """A number that is not negative with so many digits; halves go up, in every Python, unlike those of `format`."""
    units = floor(size * 10**digits + 0.5)
    whole = f"{units // 10**digits:,}"
    return f"{whole}.{units % 10**digits:0{digits}d}" if digits else whole


def place(value):
    """A coordinate."""
    return fixed(max(value, 0.0), 1).replace(",", "").removesuffix(".0")


def shown(value, cents=False):
    """A number with three digits that count, or in whole, with commas between thousands."""
    size = abs(value)
    if value != value or size == float("inf"):
        return "–"
    if size >= 1e15:
        power = floor(log10(size))
        text = f"{fixed(size / 10.0**power, 2)}e{power}"
    elif size >= 100 or size < 1e-12:
        text = fixed(size, 0)
    elif size >= 10:
        text = fixed(size, 2) if cents else fixed(size, 1).removesuffix(".0")
    else:
        text = fixed(size, 2 - floor(log10(size)))
        if not cents or size < 0.1:
            text = text.rstrip("0").rstrip(".")
        elif size < 1:
            text = text.removesuffix("0")
    if cents:
        text = text.removesuffix(".00")
    return f"−{text}" if value < 0 and text != "0" else text


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def even_ticks(low, high):
    """Round numbers from low to high, about five."""
    step = 10 ** floor(log10((high - low) / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if (high - low) / (m * step) <= 5.5)
    return [n * step + 0.0 for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def log_ticks(low, high):
    """1, 2 and 5 times powers of ten, or powers of ten alone where these are many; even ones on less than one power."""
    if high < 10 * low:
        return even_ticks(low, high)
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    few = len(powers) <= 3
    ticks = [m * 10.0**n for n in powers for m in ((1, 2, 5) if few else (1,))]
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


class Axis:
    """One axis: values to places."""

    def __init__(self, values, log, begin, end):
        low, high = min(values), max(values)
        if log:
            low = max(low, high / 10**DECADES)
            if high < 1.5 * low:
                low, high = low / 1.5, high * 1.5
        elif high - low < 1e-9 * max(abs(low), abs(high), 1e-9):
            low, high = low - 1, high + 1
        self.log, self.low, self.high, self.begin, self.end = log, low, high, begin, end

    def at(self, value):
        """The place of a value; None if it has none."""
        if value is None or value != value or abs(value) == float("inf") or (self.log and value <= 0):
            return None
        part = log10(value / self.low) / log10(self.high / self.low) if self.log else None
        part = (value - self.low) / (self.high - self.low) if part is None else part
        return self.begin + part * (self.end - self.begin) if -1e-9 <= part <= 1 + 1e-9 else None

    def ticks(self):
        return log_ticks(self.low, self.high) if self.log else even_ticks(self.low, self.high)


def drawn(title, x_axis, y_axis, xs, lines, here, here_said):
    """The chart.

    Args:
        title: what to see.
        x_axis, y_axis: (label with its unit, whether it is logarithmic).
        xs: values along the horizontal axis.
        lines: (label, values or None for a gap, value of the reader's setting) of each line.
        here: the reader's setting on the horizontal axis.
        here_said: the same in words.
    """
    usable = [y for _, ys, at in lines for y in [*ys, at] if y is not None and abs(y) < float("inf")]
    usable = [y for y in usable if y > 0] if y_axis[1] else [*usable, 0.0]
    x = Axis(xs, x_axis[1], LEFT, WIDTH - RIGHT)
    y = Axis(usable or [1.0], y_axis[1], HEIGHT - BOTTOM, TOP)
    height = HEIGHT + ROW * len(lines)
    alt = escaped(f"{title}. {x_axis[0]}; {y_axis[0]}: {', '.join(label for label, _, _ in lines)}. {here_said}")
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{alt}">']
    parts.append(f'<text class="title" x="0" y="13">{escaped(title)}</text>')
    parts += _grid(x, y, x_axis[0], y_axis[0])
    mark = x.at(here)
    if mark is not None:
        parts.append(f'<path class="here" d="M{place(mark)} {TOP}V{HEIGHT - BOTTOM}"/>')
    for number, (label, ys, at) in enumerate(lines):
        parts.append(f'<path class="line line-{number}" d="{_path(x, y, xs, ys)}"/>')
        dot = y.at(at)
        if mark is not None and dot is not None:
            parts.append(f'<circle class="dot" cx="{place(mark)}" cy="{place(dot)}" r="4.5"/>')
        row = HEIGHT + 12 + ROW * number
        parts.append(f'<path class="line line-{number}" d="M{LEFT} {row - 4}h34"/>')
        parts.append(f'<text x="{LEFT + 42}" y="{row}">{escaped(label)}</text>')
    return "".join([*parts, "</svg>"])


def _path(x, y, xs, ys):
    """The commands of a line; what cannot be computed, or lies beyond the axis, is a gap."""
    parts, down = [], False
    for across, up in zip(xs, ys):
        width, height = x.at(across), y.at(up)
        if height is None:
            down = False
            continue
        parts.append(f"{'L' if down else 'M'}{place(width)} {place(height)}")
        down = True
    return "".join(parts)


def _grid(x, y, x_label, y_label):
    base = HEIGHT - BOTTOM
    for tick in x.ticks():
        yield f'<path class="tick" d="M{place(x.at(tick))} {base}v5"/>'
        anchor = "end" if x.at(tick) > WIDTH - RIGHT - 20 and len(shown(tick)) > 4 else "middle"
        right = x.at(tick) + (8 if anchor == "end" else 0)
        yield f'<text class="number" x="{place(right)}" y="{base + 18}" text-anchor="{anchor}">{shown(tick)}</text>'
    for tick in y.ticks():
        zero = " zero" if tick == 0 else ""
        yield f'<path class="grid{zero}" d="M{LEFT} {place(y.at(tick))}H{WIDTH - RIGHT}"/>'
        yield f'<text class="number" x="{LEFT - 6}" y="{place(y.at(tick) + 4)}" text-anchor="end">{shown(tick)}</text>'
    yield f'<path class="axis" d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}"/>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{place(middle)}" y="{base + 38}" text-anchor="middle">{escaped(x_label)}</text>'
    up = (TOP + base) / 2
    turned = f'text-anchor="middle" transform="rotate(-90 12 {place(up)})"'
    yield f'<text x="12" y="{place(up)}" {turned}>{escaped(y_label)}</text>'
