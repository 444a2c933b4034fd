"""A file of contacts, whatever its format: rows in, contacts and broken rows out."""

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = ["ContactFile", "readable"]


@contextmanager
def readable(path: Path) -> Generator[None, None, None]:
    """Let what the system says of a file that cannot be read come out as ``ConfigurationError``."""
    try:
        yield
    except (OSError, UnicodeError, LookupError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ConfigurationError(f"{path} cannot be read: {reason}") from problem


class ContactFile(ABC):
    """Contacts of a file, and a :class:`BrokenRow` for each row that is none; may be iterated over again and again."""

    def __init__(self, path: str | os.PathLike[str], *, number: str, zone: str | None) -> None:
        self.path: Path = Path(path)
        self._number = number
        self._zone = zone

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __iter__(self) -> Iterator[Contact | BrokenRow]:
        return (contact for _, contact in self.lines())

    def lines(self) -> Iterator[tuple[int, Contact | BrokenRow]]:
        """Yield each contact, or broken row, with the line that it stands on, from 1.

        :raises ConfigurationError: the file cannot be read.
        """
        with readable(self.path):
            for line, row in self._rows():
                yield line, BrokenRow(line, row) if isinstance(row, str) else self._contact(line, row)

    @abstractmethod
    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        """Yield each row under its line: its fields, or what is wrong with it."""

    def _check_columns(self, columns: list[str]) -> None:
        for column in filter(None, (self._number, self._zone)):
            if column not in columns:
                raise ConfigurationError(f"{self.path} has no column {column!r}; it has {', '.join(columns) or 'none'}")
        if len(set(columns)) < len(columns):
            raise ConfigurationError(f"{self.path} has two columns of one name: {', '.join(columns)}")

    def _contact(self, line: int, row: Mapping[str, Any]) -> Contact | BrokenRow:
        number, zone = row.get(self._number), row.get(self._zone) if self._zone else None
        if number in (None, ""):
            return BrokenRow(line, f"{self._number} is empty")
        # JSON and Parquet may hold a number as a number; True is none.
        written: Any = str(number) if isinstance(number, int) and not isinstance(number, bool) else number
        try:
            return Contact(written, fields=row, zone=str(zone) if zone else None)
        except InvalidRequestError as problem:
            return BrokenRow(line, str(problem))
