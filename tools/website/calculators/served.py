"""What the calculators' page loads at the first touch: the interpreter, and Python modules as they are in the package.

`modules.js` hands Brython the source of each module that a calculator needs: ours byte for byte, and of the standard
library what Brython's own copy has. `advantage`, whose own file imports PyTorch, is an empty package there.
"""

import ast
import importlib.util
import json
import re
from functools import cache
from pathlib import Path

from website.calculators.declared import NAMES
from website.places import ROOT, STATIC

EMPTY = {"advantage", "website"}  # packages whose own file would bring what no calculator needs
OURS = {"advantage": ROOT / "src", "website": ROOT / "tools"}
STANDINS = Path(__file__).parent / "browser"
FIRST = ["website.calculators.answer", *(f"website.calculators.{name.replace('-', '_')}" for name in NAMES)]
LICENCE = "brython-licence.txt"


def brython(name: str) -> Path:
    """A file of Brython's wheel. Raises ModuleNotFoundError, which says what to do, if it is not installed."""
    found = importlib.util.find_spec("brython")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "brython is not installed: run .venv/bin/python -m pip install --requirement requirements.lock"
        )
    return Path(found.origin).parent / "data" / name


@cache
def standard_library() -> dict[str, list]:
    """Brython's: module → [".py" or ".js", source, …]."""
    text = brython("brython_stdlib.js").read_text(encoding="utf-8")
    return json.JSONDecoder().raw_decode(text, re.search(r"var scripts = ", text).end())[0]


def imported(source: str) -> list[str]:
    """The modules that a source imports when it is read itself, not when a function of it is called."""
    found, left = [], list(ast.parse(source).body)
    while left:
        node = left.pop(0)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{ast.unparse(node)}: a relative import; write the module's whole name")
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            left += [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]
    return found


def file_of(module: str) -> Path | None:
    """The file of a module of ours, or of what stands for one of the standard library's."""
    base = OURS.get(module.partition(".")[0], STANDINS) / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def modules(first: list[str] = FIRST) -> dict[str, Path | list]:
    """Every module that the calculators import, directly or not: its file, or its entry in Brython's library.

    Raises:
        ValueError: a module is neither ours nor one that Brython has (such as NumPy), or it is all of `collections`.
    """
    found: dict[str, Path | list] = {}
    left = list(first)
    while left:
        module = left.pop(0)
        parent, _, name = module.rpartition(".")
        if module in found or (parent in found and not isinstance(found[parent], Path)):
            continue  # known, or a name inside a module that is no package of ours
        if parent and parent not in found:
            left = [parent, module, *left]
            continue
        path, library = file_of(module), standard_library()
        if path:
            found[module] = path
            left += imported(path.read_text(encoding="utf-8")) if module not in EMPTY else []
        elif module in library:
            found[module] = library[module]
            left += imported(library[module][1]) if library[module][0] == ".py" else []
        elif parent and defines(found[parent], name):
            continue
        else:
            raise ValueError(f"{module}: not to be had in the page; import it inside the function that needs it")
    return found


def defines(path: Path | list, name: str) -> bool:
    """Whether a module of ours has a name; an empty package has none."""
    text = path.read_text(encoding="utf-8") if isinstance(path, Path) else ""
    return (
        re.search(rf"(?m)^(?:def|class) {name}\b|^{name}\b[^\n=]*=|^from .*\b{name}\b|^import {name}\b", text)
        is not None
    )


def source(module: str, path: Path) -> str:
    return "" if module in EMPTY else path.read_text(encoding="utf-8")


@cache
def files() -> dict[str, bytes]:
    """Name below `_static` → what is served."""
    entries = {
        module: [".py", source(module, entry), [], *([1] if entry.name == "__init__.py" else [])]
        if isinstance(entry, Path)
        else entry
        for module, entry in modules().items()
    }
    script = f"__BRYTHON__.use_VFS = true;\n__BRYTHON__.update_VFS({json.dumps({'$timestamp': 1, **entries})});\n"
    return {
        "python/brython.js": brython("brython.js").read_bytes(),
        "python/modules.js": script.encode(),
        f"python/{LICENCE}": (STATIC / LICENCE).read_bytes(),
    }
