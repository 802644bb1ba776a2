"""Start a chapter: `python tools/chapter.py strategy pricing` writes a valid pair and its entry in `_toc.yml`.

The pair has every section that CONTRIBUTING.md asks for and is executed at once, so every rule holds from the first
minute but those on length. Tests, site and catalogues find the pair by themselves.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import notebooks

ROOT = Path(__file__).resolve().parents[1]

PARTS = {  # folder of notebooks/ and what the table of contents calls it, in the book's order
    "models": "Models",
    "textgen": "The text-generation project",
    "applications": "Applications",
    "strategy": "Platform strategy",
}

TEMPLATE = '''\
# {title}

Say in one paragraph what the reader will know at the end that they do not know now.

```{{code-cell}} ipython3
:tags: [nbval-ignore-output]

{first_cell}
```

## What you will be able to do

- **Derive** the relation that the chapter is about.
- **Measure** it on your own machine.
- **Decide** what it means for Inkwell.

## Predict

Ask for a number before the first experiment: if $x$ doubles, by what factor does $x^2$ grow?

## The argument

Derive the idea, then show it in the smallest code that runs.
The square of $x$ is

$$
f(x) = x^2 ,
$$

where $x$ is a number without a unit.

```{{code-cell}} ipython3
def f(x):
    return x**2


print(f"{{f(2.0) / f(1.0):.3f}}")
```

Come back to the question of *Predict*: the factor is four.

```{{code-cell}} ipython3
---
mystnb:
  figure:
    caption: The square grows faster than its argument. Say in one sentence what the figure shows.
  image:
    alt: A curve that starts flat at zero and rises ever more steeply. Say what one who cannot see it needs to know.
---
import matplotlib.pyplot as plt

x = [i / 10 for i in range(31)]
fig, ax = plt.subplots()
ax.plot(x, [f(value) for value in x])
ax.set(xlabel="x (no unit)", ylabel="f(x) (no unit)", title="Doubling x makes f four times as large")
plt.show()
```

## Where it breaks

Show a failure by running it.

```{{code-cell}} ipython3
try:
    f(1e200 * 1e200 - 1e200 * 1e200), f(10.0**200)
except OverflowError as error:
    print(type(error).__name__)
```

## For founders

> **For founders.** Name Inkwell's decision and the number that decides it.

| choice | factor |
|---|---|
| as it is | 1 |
| twice the size | 4 |

## Exercises

**1. By hand.** What is $f(3)$?

```{{code-cell}} ipython3
:tags: [hide-cell]

from IPython.display import Markdown

print(f(3))
Markdown(r"""Three times three is nine.""")
```

**2. In code.** For which $x$ is $f(x) = 2$?

```{{code-cell}} ipython3
:tags: [hide-cell]

print(f"{{2**0.5:.4f}}")
Markdown(r"""The positive solution is the square root of two; the other has the opposite sign.""")
```

**3. For founders.** A request that is twice as long costs four times as much. What do you charge for it?

```{{code-cell}} ipython3
:tags: [hide-cell]

print(f(2.0))
Markdown(r"""At least four times the price, or the long requests are paid for by the short ones.""")
```

## Check yourself

```{{code-cell}} ipython3
advantage.quiz(
    ("If x doubles, by what factor does its square grow?", [
        ("By two.", False, "That is the factor of x itself."),
        ("By four.", True, "Two times two."),
        ("By eight.", False, "That is the factor of the cube."),
    ]),
)
```

## Summary

- One sentence for each thing that the reader takes away, five at most.

## References

- [Vaswani et al. 2017](https://arxiv.org/abs/1706.03762), *Attention Is All You Need*.
'''


def first_cell(part: str, address: str) -> str:
    """The first code cell of every notebook of a part."""
    extra = "[textgen]" if part == "textgen" else ""
    seconds = notebooks.SECONDS.get(part, notebooks.OTHER)
    return f"""\
try:
    import advantage
except ModuleNotFoundError:  # on Colab, once
    %pip install --quiet "advantage{extra} @ git+{address}"
    import advantage

advantage.start(seconds={seconds})"""


def address(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it stands."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def text(part: str, name: str, root: Path = ROOT) -> str:
    """The `.md` half of a new chapter."""
    title = name.replace("-", " ").capitalize()
    return notebooks.HEADER + "\n" + TEMPLATE.format(title=title, first_cell=first_cell(part, address(root)))


def with_entry(toc: str, part: str, name: str) -> str:
    """`_toc.yml` with the chapter after the last one of its part; a new part stands where the book has it."""
    entry = f"- file: notebooks/{part}/{name}"
    if found := list(re.finditer(rf"(?m)^( *)- file: notebooks/{re.escape(part)}/.*$", toc)):
        last = found[-1]
        return f"{toc[: last.end()]}\n{last[1]}{entry}{toc[last.end() :]}"
    later = [*list(PARTS.values())[list(PARTS).index(part) + 1 :], "Reference"]
    place = re.search(rf"(?m)^  - caption: (?:{'|'.join(map(re.escape, later))})\s*$", toc)
    at = place.start() if place else len(toc)
    return f"{toc[:at]}  - caption: {PARTS[part]}\n    chapters:\n      {entry}\n{toc[at:]}"


def create(part: str, name: str, root: Path = ROOT) -> Path:
    """Write the `.md` half and the entry in `_toc.yml`; returns the path of the half."""
    if part not in PARTS:
        raise ValueError(f"part: got {part!r}; must be one of {', '.join(PARTS)}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"name: got {name!r}; must be lower-case words joined by hyphens, as in unit-economics")
    md = root / "notebooks" / part / f"{name}.md"
    if md.exists() or md.with_suffix(".ipynb").exists():
        raise ValueError(f"name: notebooks/{part}/{name} exists already")
    toc = root / "_toc.yml"
    entries = with_entry(toc.read_text(encoding="utf-8"), part, name)
    md.parent.mkdir(parents=True, exist_ok=True)
    notebooks.write_atomically(md, text(part, name, root))
    notebooks.write_atomically(toc, entries)
    return md


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        print("usage: make chapter part=strategy name=pricing")
        return 2
    try:
        md = create(*argv)
    except ValueError as error:
        print(error)
        return 1
    print(f"wrote {md.relative_to(ROOT)} and its entry in _toc.yml")
    return subprocess.run([sys.executable, ROOT / "tools" / "notebooks.py", md]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
