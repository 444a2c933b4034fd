"""The sentences of the project: docstrings, comments and messages of Python files, and the text of Markdown files."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["ROOT", "Line", "docstrings", "documents", "lines", "sources"]

ROOT = Path(__file__).resolve().parents[1]
_DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LOGGING = {"debug", "info", "warning", "error", "exception"}


@frozen
class Line:
    """One line of text, and where it stands."""

    path: Path
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.number}: {self.text.strip()}"


def sources() -> list[Path]:
    """Return the Python files whose sentences a user or a developer reads; tests are left out."""
    folders = ("sinch_voice_async", "examples", "checks")
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted([*found, ROOT / "noxfile.py", ROOT / "docs" / "conf.py"])


def documents() -> list[Path]:
    """Return the Markdown files, without the changelog, which quotes the past."""
    return sorted([*(file for file in ROOT.glob("*.md") if file.name != "CHANGELOG.md"), *ROOT.glob("docs/**/*.md")])


def lines(path: Path) -> Iterator[Line]:
    """Yield the lines of prose in one file."""
    text = path.read_text(encoding="utf-8")
    found = _markdown(text) if path.suffix == ".md" else _python(text)
    for number, line in found:
        yield Line(path, number, line)


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each docstring of a Python file with the number of its first line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, _DEFINITIONS) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def _python(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DEFINITIONS) and (doc := ast.get_docstring(node)):
            yield from enumerate(doc.splitlines(), node.body[0].lineno)
        else:
            yield from _messages(node)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(?:noqa|type:|pragma)", token.string):
            yield token.start[0], token.string.lstrip("# ")


def _messages(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts that a statement shows to people: of an exception, a log record, a help text."""
    shown: list[ast.AST] = []
    if isinstance(node, ast.Raise) and node.exc is not None:
        shown = [node.exc]
    elif isinstance(node, ast.Call):
        shown = [each.value for each in node.keywords if each.arg == "help"]
        if isinstance(node.func, ast.Attribute) and node.func.attr in _LOGGING:
            shown += node.args
    for root in shown:
        for each in ast.walk(root):
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and " " in each.value.strip():
                yield each.lineno, each.value
