"""What a notebook depends on, and the hash that says whether it must be executed again.

The hash is of the notebook's code cells and of every file of `advantage` that they use: modules imported directly or
not, and the data files that those modules name. Of the register of data files, only the functions that are named
count: a new one is no news to other chapters. A data file that no module names counts for every notebook. Comments,
docstrings, blank lines and line ends do not count, unless a notebook shows source code or documentation.
"""

import ast
import hashlib
import io
import json
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
REGISTER = "advantage/records.py"
SHOWS_SOURCE = re.compile(r"\binspect\b|\bgetsource|__doc__|\bhelp\(|\?\s*$", re.MULTILINE)
ADDRESS = re.compile(r'(%pip install --quiet "advantage\S* @ git\+)[^"]*')


def python_source(cell: str) -> str:
    """A code cell as plain Python: magics, `!command` and `name?` become the calls that IPython makes of them."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(cell)


def called(node: ast.AST | None) -> str:
    """Last part of the name of what a call calls; empty for all else."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def bare(source: str) -> str:
    """Python without comments, docstrings, blank lines and spaces at the end of lines: the same from every version."""
    lines = source.replace("\r\n", "\n").split("\n")
    spans = []  # (first line, column in characters, last line, column) of what goes, lines from 0
    kept = set()  # lines of strings: what is blank in them counts
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            spans.append((token.start[0] - 1, token.start[1], token.end[0] - 1, token.end[1]))
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            kept |= set(range(node.lineno - 1, node.end_lineno - 1))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if node.body else None
            if (
                isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                first, last = text.lineno - 1, text.end_lineno - 1
                columns = [(first, text.col_offset), (last, text.end_col_offset)]  # in bytes
                begin, end = (len(lines[line].encode()[:column].decode()) for line, column in columns)
                spans.append((first, begin, last, end))
    gone: set[int] = set()
    for first, begin, last, end in sorted(spans, reverse=True):
        rest = lines[last][end:]
        lines[first : last + 1] = [lines[first][:begin] + rest] + [""] * (last - first)
        gone |= set(range(first, last + 1))
    kept -= gone
    return "\n".join(
        line if number in kept else line.rstrip() for number, line in enumerate(lines) if line.strip() or number in kept
    )


def module_file(name: str, source: Path = SOURCE) -> Path | None:
    """File of a module below `source`, or None if there is none of that name."""
    path = source.joinpath(*name.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if name and file.is_file():
            return file
    return None


def mentioned(tree: ast.AST, package: str) -> set[str]:
    """Dotted names that code may import: `import` and `from` wherever they stand, and strings that are a module's name.

    `package` is what relative imports in `tree` start from.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("advantage"):
            names |= {node.value, f"{node.value}.__main__"}  # importlib, or python -m
    return names


def modules(texts: list[str], *roots: Path) -> set[Path]:
    """Files below `roots` that the import statements of Python texts lead to, directly or not."""
    todo = set().union(*(mentioned(ast.parse(text), "") for text in texts)) if texts else set()
    found: set[Path] = set()
    while todo:
        parts = todo.pop().split(".")
        for depth in range(1, len(parts) + 1):  # importing a.b.c runs a and a.b too
            prefix = ".".join(parts[:depth])
            file = next(filter(None, (module_file(prefix, root) for root in roots)), None)
            if file is None or file in found:
                continue
            found.add(file)
            package = prefix if file.name == "__init__.py" else prefix.rpartition(".")[0]
            todo |= mentioned(ast.parse(file.read_text(encoding="utf-8")), package)
    return found


def named_functions(register: str, texts: list[str]) -> str:
    """Python text without the public functions that no other text names, and without the blank lines around them."""
    lines, words = register.split("\n"), set(re.findall(r"\w+", "\n".join(texts)))
    for node in reversed(ast.parse(register).body):
        if isinstance(node, ast.FunctionDef) and node.name not in words and not node.name.startswith("_"):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(line for line in lines if line.strip())


def module_texts(cells: list[str], source: Path) -> dict[Path, str]:
    """Module → what counts of it, of all modules that code cells lead to: of the register, what is named elsewhere."""
    sources = [python_source(cell) for cell in cells]
    found = {file: file.read_text(encoding="utf-8") for file in sorted(modules(sources, source))}
    if text := found.pop(source / REGISTER, None):
        found[source / REGISTER] = named_functions(text, [*sources, *found.values()])
    return found


def dependencies(cells: list[str], source: Path = SOURCE) -> list[Path]:
    """Files of the package that code cells depend on: modules by static imports, and the data files that they name."""
    found = module_texts(cells, source)
    texts = [*map(python_source, cells), *found.values()]
    package_texts = [file.read_text(encoding="utf-8") for file in source.glob("advantage/**/*.py")]
    data = [
        file
        for file in source.glob("advantage/**/*")
        if file.is_file() and file.suffix not in {".py", ".pyc"} and file.name not in {"py.typed", ".DS_Store"}
        if any(file.name in text for text in texts) or not any(file.name in text for text in package_texts)
    ]
    return sorted({*found, *data})


def code_sha256(cells: list[str], source: Path = SOURCE) -> str:
    """Hash of code cells and of the files that they depend on. The address that Colab installs from does not count."""
    shown = any(SHOWS_SOURCE.search(cell) for cell in cells)
    texts = [bare(python_source(ADDRESS.sub(r"\1", cell))) for cell in cells]
    digest = hashlib.sha256(json.dumps(texts).encode())
    counts = module_texts(cells, source)
    for file in dependencies(cells, source):
        data = (counts[file].encode() if file in counts else file.read_bytes()).replace(b"\r\n", b"\n")
        if file.suffix == ".py" and not shown and b"__doc__" not in data:
            data = bare(data.decode()).encode()
        digest.update(f"\0{file.relative_to(source).as_posix()}\0".encode())
        digest.update(data)
    return digest.hexdigest()
