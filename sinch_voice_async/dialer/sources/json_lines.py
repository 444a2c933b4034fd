"""Contacts from JSON lines: one object on each line."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from sinch_voice_async.dialer.sources.contact_file import ContactFile, readable

__all__ = ["JsonLinesFile"]


class JsonLinesFile(ContactFile):
    """A file of JSON objects, a line each; blank lines are passed over."""

    def __init__(self, path: str | os.PathLike[str], *, number: str, zone: str | None) -> None:
        super().__init__(path, number=number, zone=zone)
        with readable(self.path):
            self.path.open("rb").close()

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        with self.path.open("rb") as file:
            for line, written in enumerate(file, 1):
                if written.strip():
                    yield line, _row(written)


def _row(written: bytes) -> Mapping[str, Any] | str:
    try:
        row = json.loads(written.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return "it is no JSON"
    return row if isinstance(row, dict) else "it is no JSON object"
