"""The sandbox is a witness: it shares no code with the client."""

import ast
from pathlib import Path

import sinch_voice_async.sandbox

PACKAGE = Path(sinch_voice_async.sandbox.__file__).parent


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_sandbox_imports_nothing_of_the_client() -> None:
    """If both ends shared a name table, a wrong name would agree with itself."""
    ours = {name for path in PACKAGE.rglob("*.py") for name in imported(path) if name.startswith("sinch_voice_async")}
    assert ours
    assert all(name.startswith("sinch_voice_async.sandbox") for name in ours)
