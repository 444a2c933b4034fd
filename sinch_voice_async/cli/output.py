"""Everything that a command prints: JSON for programs, a table for a terminal, tabs for a pipe, and progress bars.

Rules:

- Text is printed by the functions of this module alone. They make control characters and escape sequences visible:
  names, messages and file names come from outside, and a terminal obeys what it is sent.
- The keys of the JSON are the names of the models' fields; times are ISO 8601 in UTC, money is text, so that no digit
  is lost.
- Answers go to stdout. What a person is told beside them goes to stderr, and on a terminal breaks between words.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO

import attrs
import click

from sinch_voice_async.cli.failures import in_options
from sinch_voice_async.cli.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = [
    "Progress",
    "aligned",
    "ask",
    "colours",
    "count",
    "duration",
    "log_to_stderr",
    "plain",
    "say",
    "say_marked",
    "show",
    "show_table",
    "stderr_console",
    "tell",
    "visible",
]

_ALLOWED: Final = frozenset("\n\t")
_OPTION: Final = re.compile(r"\boptions\.([a-z_]+)")


def visible(text: object, *, lines: bool = False) -> str:
    r"""Return a text in which every character can be seen: ``\x1b`` for an escape, ``\u202e`` for a turn of direction.

    With ``lines``, line ends and tabs stay as they are.
    """
    written = str(text)
    if written.isprintable():
        return written
    kept = _ALLOWED if lines else frozenset[str]()
    return "".join(
        each if each.isprintable() or each in kept else each.encode("unicode_escape", "surrogatepass").decode()
        for each in written
    )


def colours() -> bool | None:
    """Say whether to colour: never with NO_COLOR, always with FORCE_COLOR, else None: on a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def say(text: object) -> None:
    """Print a part of the answer on stdout."""
    click.echo(_wrapped(visible(text, lines=True), sys.stdout))


def say_marked(mark: str, colour: str | None, text: object) -> None:
    """Print a line on stdout behind a coloured mark."""
    line = _wrapped(f"{mark} {visible(text, lines=True)}", sys.stdout)
    click.echo(click.style(mark, fg=colour) + line[len(mark) :], color=colours())


def tell(text: object, *, wrap: bool = True) -> None:
    """Say something to the person, on stderr: it is not a part of the answer. A command to paste must not break."""
    # Not click's echo: while a live view is drawn, sys.stderr is what keeps the two apart. A terminal may be gone.
    with contextlib.suppress(OSError):
        shown = visible(text, lines=True)
        print(_wrapped(shown, sys.stderr) if wrap else shown, file=sys.stderr, flush=True)  # noqa: T201


def ask(question: str) -> bool:
    """Ask the person, on stderr; only yes is yes."""
    return click.confirm(_wrapped(visible(question, lines=True), sys.stderr), default=False, err=True)


def _wrapped(text: str, stream: TextIO) -> str:
    """Return a text whose lines break between words if they go to a terminal; JSON and words do not break."""
    if not stream.isatty() or text.startswith(("{", "[")):
        return text
    width = max(shutil.get_terminal_size().columns - 1, 20)
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
        if len(line) > width
        else line
        for line in text.split("\n")
    )


def count(number: int, noun: str) -> str:
    """Return a number and its noun: ``1 row``, ``2 rows``, ``1,000 rows``."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def duration(seconds: float) -> str:
    """Return a duration as people read it: ``20 s``, ``4 min``, ``1 h 05 min``."""
    whole = round(seconds)
    if whole < 90:
        return f"{max(whole, 0)} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def plain(value: Any) -> Any:
    """Return a model, or what holds models, as JSON can have it."""
    if attrs.has(type(value)):
        fields = {each.name: getattr(value, each.name) for each in attrs.fields(type(value))}
        return {name.rstrip("_"): plain(each) for name, each in fields.items() if name != "extra" or each}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, Decimal) else value


def show(settings: Settings, value: Any, text: str) -> None:
    """Print ``value`` as one JSON document if that is asked for, else ``text``."""
    say(_document(plain(value)) if settings.json else text)


def _document(value: Any) -> str:
    """Return JSON in which letters stand as they are, and what cannot be seen is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return (
        text if text.isprintable() else "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    )


def aligned(fields: Mapping[str, object]) -> str:
    """Return fields as lines, a name and its value on each; without those that are None."""
    known = {name: visible(each) for name, each in fields.items() if each is not None}
    width = max(map(len, known), default=0)
    return "\n".join(f"{name:<{width}}  {each}" for name, each in known.items())


def show_table(settings: Settings, values: Sequence[Any], heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print ``values`` as one JSON document, else ``rows``: a table on a terminal, columns with tabs elsewhere."""
    if settings.json:
        show(settings, values, "")
        return
    written = [["" if each is None else visible(each) for each in row] for row in rows]
    if not written:
        tell("Nothing to list.")
        return
    if not sys.stdout.isatty():
        for row in written:
            say("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415  # slow to load, and only for terminals
    from rich.table import Table  # noqa: PLC0415  # the same

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in written:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


def stderr_console() -> "Console":
    """Return rich's view of stderr, for bars and the live view."""
    from rich.console import Console  # noqa: PLC0415  # slow to load, and only for terminals

    return Console(stderr=True, markup=False, highlight=False)


class _Lines(logging.Handler):
    """Prints what the library logs, a line each, like all else."""

    def emit(self, record: logging.LogRecord) -> None:
        message = _OPTION.sub(lambda found: "--" + found[1].replace("_", "-"), record.getMessage())
        message = in_options(message)
        tell(f"sinch-voice: {record.levelname.lower()}: {message}")


def log_to_stderr() -> logging.Handler:
    """Print warnings of the library on stderr from now on, unless the process logs by itself; return what does it."""
    handler = _Lines(logging.WARNING)
    logger = logging.getLogger("sinch_voice_async")
    if not logger.hasHandlers():
        logger.addHandler(handler)
    return handler


class Progress:
    """A progress bar on stderr if that is a terminal: a context manager, called with how much is done, of how much."""

    def __init__(self, title: str, *, unit: Literal["bytes", "recordings"]) -> None:
        self._title = visible(title)
        self._unit = unit
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = _bars(self._unit)
            self._task = self._bars.add_task(self._title, total=None)
            self._bars.start()
        return self

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it has come."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, total=total)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()


def _bars(unit: str) -> "Bars":
    from rich import progress  # noqa: PLC0415  # slow to load, and only for terminals

    amounts = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn()]
    )
    columns = (progress.TextColumn("{task.description}", markup=False), progress.BarColumn(20), *amounts)
    return progress.Progress(*columns, progress.TimeRemainingColumn(), console=stderr_console())
