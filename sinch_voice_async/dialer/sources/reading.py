"""The functions that name a file of contacts, or of numbers that are never called."""

import os
from pathlib import Path

from sinch_voice_async.dialer.numbers import read_number
from sinch_voice_async.dialer.sources.contact_file import ContactFile, readable
from sinch_voice_async.dialer.sources.csv_file import CsvFile
from sinch_voice_async.dialer.sources.json_lines import JsonLinesFile
from sinch_voice_async.dialer.sources.parquet import ParquetFile
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = ["read_csv", "read_json_lines", "read_numbers", "read_parquet"]


def read_csv(
    path: str | os.PathLike[str],
    *,
    number: str = "number",
    zone: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> ContactFile:
    """Return the contacts of a CSV file whose first row names the columns.

    ``number`` and ``zone`` are the names of the columns with the telephone number and the time zone; every column is in
    ``contact.fields``. ``delimiter`` is found out where it is left out: a comma, semicolon, tab or bar.

    :raises ConfigurationError: the file cannot be read, or has no such column, or two of one name.
    """
    return CsvFile(path, number=number, zone=zone, delimiter=delimiter, encoding=encoding)


def read_json_lines(path: str | os.PathLike[str], *, number: str = "number", zone: str | None = None) -> ContactFile:
    """Return the contacts of a file with one JSON object on each line.

    ``number`` and ``zone`` are the names of the fields with the telephone number and the time zone.

    :raises ConfigurationError: the file cannot be read.
    """
    return JsonLinesFile(path, number=number, zone=zone)


def read_parquet(path: str | os.PathLike[str], *, number: str = "number", zone: str | None = None) -> ContactFile:
    """Return the contacts of a Parquet file; needs the extra ``parquet``.

    ``number`` and ``zone`` are the names of the columns with the telephone number and the time zone. Dates, times and
    exact numbers become text in ``contact.fields``.

    :raises ConfigurationError: the file cannot be read, has no such column, or the extra is not installed.
    """
    return ParquetFile(path, number=number, zone=zone)


def read_numbers(path: str | os.PathLike[str]) -> frozenset[str]:
    """Return the telephone numbers of a text file, one on each line: a do-not-call list. After a # comes a comment.

    :raises ConfigurationError: the file cannot be read, or a line is no number: it would keep nobody from being called.
    """
    with readable(Path(path)), Path(path).open(encoding="utf-8-sig") as lines:
        written = [line.partition("#")[0].strip() for line in lines]
    try:
        return frozenset(read_number(number) for number in written if number)
    except InvalidRequestError:
        place = next(place for place, number in enumerate(written, 1) if number and not _is_number(number))
        raise ConfigurationError(f"{path}, line {place}: this is no telephone number in E.164 form") from None


def _is_number(written: str) -> bool:
    try:
        read_number(written)
    except InvalidRequestError:
        return False
    return True
