"""Contacts from Parquet, a batch of rows at a time."""

import importlib
import os
from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from sinch_voice_async.dialer.sources.contact_file import ContactFile, readable
from sinch_voice_async.errors import ConfigurationError

__all__ = ["ParquetFile"]

_BATCH: Final = 1000


class ParquetFile(ContactFile):
    """A Parquet file; dates, times and exact numbers become text, as JSON has none of them."""

    def __init__(self, path: str | os.PathLike[str], *, number: str, zone: str | None) -> None:
        super().__init__(path, number=number, zone=zone)
        with self._open() as file:
            self._check_columns(list(file.schema_arrow.names))

    def _open(self) -> Any:
        try:
            library = importlib.import_module("pyarrow.parquet")
        except ImportError as problem:
            raise ConfigurationError("to read Parquet, install the extra: sinch-voice-async[parquet]") from problem
        try:
            with readable(self.path):
                return library.ParquetFile(self.path)
        except ValueError as problem:
            raise ConfigurationError(f"{self.path} cannot be read: {problem}") from problem

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        line = 0
        with self._open() as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    line += 1
                    yield line, {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
