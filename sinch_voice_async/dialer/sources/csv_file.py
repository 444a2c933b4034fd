"""Contacts from CSV, as spreadsheets write it: a byte order mark or none, and one of four delimiters."""

import csv
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, TextIO

from sinch_voice_async.dialer.sources.contact_file import ContactFile, readable
from sinch_voice_async.errors import ConfigurationError

__all__ = ["CsvFile"]

_DELIMITERS: Final = ",;\t|"


class CsvFile(ContactFile):
    """A CSV file whose first row names the columns; a row with more or fewer cells is broken."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        number: str,
        zone: str | None,
        delimiter: str | None,
        encoding: str,
    ) -> None:
        super().__init__(path, number=number, zone=zone)
        if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter) == 1):
            raise ConfigurationError(f"delimiter must be one character, not {delimiter!r}")
        self._encoding = encoding
        with readable(self.path), self._open() as file:
            self._delimiter = delimiter or _delimiter_of(file.readline())
            file.seek(0)
            self._columns = [name.strip() for name in next(csv.reader(file, delimiter=self._delimiter), [])]
        self._check_columns(self._columns)

    def _open(self) -> TextIO:
        # Bytes that are no text become surrogates, so that one bad row does not end the file.
        return self.path.open(encoding=self._encoding, errors="surrogateescape", newline="")

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            next(reader, None)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as problem:
                    yield line, f"it is no CSV: {problem}"
                    continue
                if cells:
                    yield line, self._row(cells)

    def _row(self, cells: list[str]) -> Mapping[str, str] | str:
        if len(cells) != len(self._columns):
            return f"it has {len(cells)} cells, and the first row has {len(self._columns)}"
        if not all(cell.isascii() or _is_text(cell) for cell in cells):
            return f"it is no text in {self._encoding}"
        return dict(zip(self._columns, cells, strict=True))


def _delimiter_of(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _is_text(cell: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in cell)
