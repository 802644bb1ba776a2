"""Find asserts that rest on a clock, in a notebook's cells or a test's file.

A value is of the clock if it comes from a clock, from a function that returns such a value, from a budget in seconds,
or from the reader's own measurement of a speed; if it is computed from one; or if a branch or a loop that looks at one
sets it. Recorded measurements (`ledger.reference`) are no clock. Statements are followed in the order in which they
stand, so that a name given another value is free again.
"""

import ast
import re
from collections.abc import Iterator

from stale import called

CLOCKS = {
    *("perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time", "process_time_ns", "time_ns"),
    *("thread_time", "thread_time_ns", "elapsed_time", "timeit", "best_seconds", "step_seconds"),
}
BUDGETS = {"budget_seconds"}  # keywords: what they are given to depends on the machine's speed
SPEED = re.compile(r"[._](?:seconds|\w+_per_second)\w*$")  # names of the ledger's entries
RUNS = "a run's seconds"  # among the names, if they count
GROW = {"append", "extend", "add", "update", "insert", "setdefault"}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = Iterator[tuple[int, str]]


def on_a_clock(source: str, runs: bool = False) -> list[tuple[int, str]]:
    """(line, what is wrong) of every assert in Python text that rests on a clock.

    With `runs`, as in a notebook, what is called `seconds` is the time of a run: `run.seconds`, `row["seconds"]`.
    """
    return sorted(set(follow(ast.parse(source).body, {RUNS} if runs else set(), set(CLOCKS))))


def follow(body: list[ast.stmt], names: set[str], clocks: set[str]) -> Found:
    """Go through statements; `names` and `clocks`, what holds and returns a value of the clock, change on the way."""
    for node in body:
        if isinstance(node, Function):
            inner = set(names)
            yield from follow(node.body, inner, set(clocks))
            returned = [
                part.value for part in ast.walk(node) if isinstance(part, ast.Return | ast.Yield) and part.value
            ]
            change = clocks.add if any(is_dirty(value, inner, clocks) for value in returned) else clocks.discard
            change(node.name)
            continue
        if isinstance(node, ast.Assert) and is_dirty(node.test, names, clocks):
            yield node.lineno, f"an assert rests on a clock: {ast.unparse(node.test)[:80]}"
        parts = [getattr(node, name, []) for name in ("body", "orelse", "handlers", "finalbody", "cases")]
        for part in expressions(node):
            note(part, names, clocks)
        decides = getattr(node, "test", None) if isinstance(node, ast.If | ast.While) else None
        free = set(names)
        for _ in range(2 if isinstance(node, ast.For | ast.While) else 1):  # what a lap sets, the next one sees
            for part in parts:
                branch = set(free)
                for block in [part] if not part or isinstance(part[0], ast.stmt) else [each.body for each in part]:
                    yield from follow(block, branch, clocks)
                names |= branch
                free = set(names) if isinstance(node, ast.For | ast.While) else free
        if decides is not None and is_dirty(decides, names, clocks):
            names |= {name for part in parts for block in part for name in set_in(block)}


def expressions(node: ast.stmt) -> Iterator[ast.AST]:
    """What a statement itself evaluates or sets, without the statements within it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from ast.walk(child)


def note(node: ast.AST, names: set[str], clocks: set[str]) -> None:
    """Bring `names` up to date with one assignment, loop variable or growing list."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        sides = [targets[0], node.value]
        if all(isinstance(side, ast.Tuple) for side in sides) and len(sides[0].elts) == len(sides[1].elts):
            before = set(names)  # a, b = x, y: each has its own, of what was there before
            for target, value in zip(sides[0].elts, sides[1].elts):
                part = set(before)
                note(ast.Assign([target], value), part, clocks)
                names |= part - before
                names -= before - part
        elif is_dirty(node.value, names, clocks):
            names |= targeted(targets)
        elif not isinstance(node, ast.AugAssign):
            names -= {
                name for target in targets if not isinstance(target, ast.Subscript) for name in targeted([target])
            }
    elif isinstance(node, ast.For | ast.comprehension):
        change = names.update if is_dirty(node.iter, names, clocks) else names.difference_update
        change(targeted([node.target]))
    elif grows(node) and any(is_dirty(argument, names, clocks) for argument in node.args):
        names |= targeted([node.func.value])


def grows(node: ast.AST) -> bool:
    """Whether a node is a call that puts something into a list, a set or a dictionary."""
    return isinstance(node, ast.Call) and called(node) in GROW and isinstance(node.func, ast.Attribute)


def is_dirty(node: ast.AST, names: set[str], clocks: set[str]) -> bool:
    """Whether an expression's value is of the clock. What a lambda does when it is called does not count."""
    if isinstance(node, ast.Lambda) or _is_positive(node):
        return False
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        if called(node) in clocks or ast.unparse(node.func) == "time.time":
            return True
        if any(word.arg in BUDGETS and not _is_none(word.value) for word in node.keywords):
            return True
        if ast.unparse(node.func) == "ledger.read":
            return any(map(_is_speed, node.args))
        inside = node.func.value if isinstance(node.func, ast.Attribute) else None
        parts = [*node.args, *(word.value for word in node.keywords), *filter(None, [inside])]
        return any(is_dirty(part, names, clocks) for part in parts)
    if RUNS in names and (getattr(node, "attr", "") == "seconds" or _is_seconds(getattr(node, "slice", None))):
        return True
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        names = set(names)
        for part in node.generators:
            note(part, names, clocks)
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return any(
            is_dirty(part, names, clocks) for part in [*values, *(test for g in node.generators for test in g.ifs)]
        )
    return any(is_dirty(child, names, clocks) for child in ast.iter_child_nodes(node))


def _is_positive(node: ast.AST) -> bool:
    """Whether an expression only says that something is above zero, which every time and every speed is."""
    if not isinstance(node, ast.Compare) or len(node.ops) > 1 or not isinstance(node.ops[0], ast.Gt):
        return False
    return isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value == 0


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_seconds(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "seconds"


def _is_speed(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(SPEED.search(node.value))


def targeted(nodes: list[ast.AST]) -> set[str]:
    """Names that an assignment to these targets changes: of `a, b[0], c.d` they are a, b and c."""
    found = set()
    for node in nodes:
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        if isinstance(node, ast.Tuple | ast.List):
            found |= targeted(node.elts)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


def set_in(node: ast.AST) -> set[str]:
    """Names that a statement sets or fills, wherever in it."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            found |= targeted(part.targets if isinstance(part, ast.Assign) else [part.target])
        elif grows(part):
            found |= targeted([part.func.value])
    return found
