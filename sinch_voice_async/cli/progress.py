"""A progress bar on stderr where that is a terminal, and nothing where it is not."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["Progress"]


class Progress:
    """One bar: a context manager, called with how much is done, and of how much where that is known."""

    def __init__(self, title: str, *, unit: Literal["bytes", "recordings"]) -> None:
        self._title = title
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
    # Slow to load, and only for terminals.
    from rich import progress  # noqa: PLC0415 - see above
    from rich.console import Console  # noqa: PLC0415 - see above

    amounts = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn()]
    )
    columns = (progress.TextColumn("{task.description}", markup=False), progress.BarColumn(), *amounts)
    return progress.Progress(*columns, progress.TimeRemainingColumn(), console=Console(stderr=True))
