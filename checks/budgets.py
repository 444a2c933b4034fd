"""Measure the size and the shape of the package: long modules and functions, splinters, late imports, import cycles.

What is only worth a look is printed as a warning. The exit code is 1 for a module above the hard limit, a function
above 40 lines, an import cycle, or a late import of our own modules that has no reason here.
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import define, field

from checks.prose import ROOT

__all__ = ["LATE", "Module", "cycles", "late_imports", "main", "modules"]

SOFT, HARD, FUNCTION, SPLINTER = 400, 600, 40, 60
PACKAGE = "sinch_voice_async"

# Late imports of our own modules: the importer (or its package, with a dot at the end), and the reason.
LATE = {
    f"{PACKAGE}.__init__": "each public name is loaded from its module when it is first used",
    f"{PACKAGE}.cli.": "a command loads what it needs, so that --help and completion answer at once",
    f"{PACKAGE}.testing.": "pytest loads the plugin in every run of a project; nothing else may load before a fixture",
    f"{PACKAGE}._transport.": "the backend of the running event loop is loaded, and not the other one",
}
# Modules that may stay small although one module imports them: they keep an optional dependency or a platform apart.
SMALL = {
    f"{PACKAGE}._version": "read by the build backend",
}

# Modules above the soft limit that stay, and the reason.
LONG = {
    f"{PACKAGE}.{name}": reason
    for name, reason in {
        "_transport.backends.asyncio": "one protocol: its states share a timer and a buffer",
        "_transport.http11": "one exchange: the rules of RFC 9112 in one place",
        "_transport.pool": "one pool: acquire, release and the waiters share their state",
        "_wire.codec": "one wire format, its rules in one docstring",
        "cli.campaigns": "what the commands of dial share",
        "cli.commands.dial": "one command: its options are written where they are used",
        "cli.commands.doctor": "one command: a list of checks",
        "cli.live": "what a person sees of a running campaign, and how it is stopped",
        "dialer.attempt": "one attempt, from the claim to its outcome",
        "dialer.campaign": "the public class, mostly docstrings",
        "dialer.eligibility": "who may be called, and when: windows, zones, lists and caps",
        "dialer.engine": "one engine: slots, active calls and counts change together",
        "dialer.journal": "the interface, the states and the table of transitions",
        "dialer.postgres.database": "the connection that comes back, and what only the database knows",
        "dialer.postgres.journal": "the interface of a journal, each method one statement",
        "dialer.sources": "one reader per format, with the rules that they share",
        "dialer.sqlite.file": "one file: its lock, its log, its writer and its readers",
        "dialer.sql": "the statements of both journals, beside each other",
        "sandbox.control.calls": "calls and conferences: what is read of each, and what a person does",
        "sandbox.control.requests": "the request log: search, export, explain and resend",
        "sandbox.control.svaml": "the workbench: faults by path, and the schema",
        "sandbox.exchange.calls": "a call, its timeline and the store of calls",
        "sandbox.exchange.documents": "callouts and SVAML, checked alike",
        "sandbox.exchange.recordings": "recordings, their content and their store",
        "sandbox.exchange.sounds": "the sound of a stream, in both directions",
        "sandbox.exchange.streams": "the platform's side of one stream",
        "sandbox.exchange.svaml_steps": "one function for each instruction and action",
        "sandbox.routes": "the API of the platform, a class for each subject",
        "streams.app": "the public class, mostly docstrings",
    }.items()
}


@define
class Module:
    """One module, and what it imports of ours: at its top, and late (in a function or through importlib)."""

    name: str
    path: Path
    lines: int
    top: set[str] = field(factory=set)
    late: set[str] = field(factory=set)
    dynamic: int = 0
    functions: list[tuple[str, int]] = field(factory=list)


def modules(root: Path = ROOT / PACKAGE) -> dict[str, Module]:
    """Read all modules of the package."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = Module(name, path, path.read_text(encoding="utf-8").count("\n"))
    for module in found.values():
        _read(module, set(found))
    return found


def _read(module: Module, known: set[str]) -> None:
    tree = ast.parse(module.path.read_text(encoding="utf-8"))
    for node, inside in _walk(tree, inside=False):
        if isinstance(node, ast.Import | ast.ImportFrom):
            targets = set(_targets(node, module, known)) - {module.name}
            (module.late if inside else module.top).update(targets)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            named = {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
            module.late |= named & known
            module.dynamic += any(_is_ours(each) for each in node.args[:1])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            module.functions.append((node.name, _body(node)))


def _is_ours(name: ast.expr) -> bool:
    """Return if a name that is put together may be one of our modules: its first part is not another package."""
    if not isinstance(name, ast.JoinedStr):
        return False
    first = name.values[0]
    return not isinstance(first, ast.Constant) or str(first.value).startswith(PACKAGE)


def _walk(node: ast.AST, *, inside: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield every node, and whether it runs when a function is called; branches for type checkers are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child, inside
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(child, inside=inside or function)


def _targets(node: ast.Import | ast.ImportFrom, module: Module, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names if each.name in known)
        return
    base = module.name.split(".")
    base = base[: len(base) - node.level + (module.path.name == "__init__.py")] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    for each in node.names:
        name = f"{stem}.{each.name}"
        yield from [name] if name in known else [stem] if stem in known else []


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += graph[name]
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted(each for each in reach[name] if name in reach[each])) for name in graph if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def late_imports(found: dict[str, Module]) -> list[str]:
    """Return the late imports of our own modules that have no reason in ``LATE``."""
    return [
        f"{module.path.relative_to(ROOT)}: imports {', '.join(sorted(module.late)) or 'a module of ours'} late"
        for module in found.values()
        if (module.late or module.dynamic) and not _excused(module)
    ]


def _excused(module: Module) -> bool:
    name = f"{module.name}.__init__" if module.path.name == "__init__.py" else module.name
    return any(name == each or (each.endswith(".") and f"{name}.".startswith(each)) for each in LATE)


def _warnings(found: dict[str, Module]) -> Iterator[str]:
    importers: dict[str, set[str]] = {name: set() for name in found}
    for module in found.values():
        for target in module.top | module.late:
            importers[target].add(module.name)
    for module in found.values():
        if SOFT < module.lines <= HARD and module.name not in LONG:
            yield f"{module.name} has {module.lines} lines; {SOFT} is the soft limit"
        small = module.lines < SPLINTER and len(importers[module.name]) == 1
        if small and module.path.name not in ("__init__.py", "__main__.py") and module.name not in SMALL:
            yield f"{module.name} has {module.lines} lines and one importer, {importers[module.name].pop()}"
    for name in LONG:
        if name in found and found[name].lines <= SOFT:
            yield f"{name} has {found[name].lines} lines: remove its reason from LONG"


def _errors(found: dict[str, Module]) -> Iterator[str]:
    for module in found.values():
        if module.lines > HARD:
            yield f"{module.name} has {module.lines} lines; {HARD} is the limit"
        for function, length in module.functions:
            if length > FUNCTION:
                yield f"{module.name}.{function} has {length} lines; {FUNCTION} is the limit"
    for group in cycles({name: module.top | module.late for name, module in found.items()}):
        yield f"import cycle: {' <-> '.join(group)}"
    yield from late_imports(found)


def main() -> int:
    """Print warnings, errors and a summary; return the exit code."""
    found = modules()
    errors = list(_errors(found))
    print(*(f"warning: {each}" for each in _warnings(found)), *(f"error: {each}" for each in errors), sep="\n")
    bodies = sorted(length for module in found.values() for _, length in module.functions)
    median = statistics.median(module.lines for module in found.values())
    print(f"{len(found)} modules, median {median:.0f} lines; {len(bodies)} functions, longest {bodies[-1]} lines")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
