"""Contacts from files: CSV, JSON, Parquet and workbooks.

Rules:

- A fault of the file (missing, in another encoding, an open quotation mark, no such column) is raised when it is
  named, before any contact is called. A file is read whole once for that; what was detected is in ``found``.
- A fault of a row is a ``BrokenRow`` in its place, and the rows after it are read.
- A row is read in constant memory, except from JSON arrays and workbooks. A file may be read again and again: for a
  preview first, and then for the run.
"""

import csv
import importlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import frozen

from sinch_voice_async._bounds import path as a_path
from sinch_voice_async.dialer.contacts import BrokenRow, Contact, check_country, read_number, read_priority
from sinch_voice_async.dialer.text_files import RoundedNumber, examine, parse_json, readable
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = [
    "ContactFile",
    "read_contacts",
    "read_csv",
    "read_json",
    "read_json_lines",
    "read_parquet",
    "read_xlsx",
]

Columns: TypeAlias = str | Sequence[str]
Row: TypeAlias = "Mapping[str, Any] | _Broken"
PathLike: TypeAlias = str | os.PathLike[str]

_BATCH: Final = 1000
_DELIMITER_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKS_LIKE_A_ROW: Final = re.compile(r"(?:\+|00)[0-9][0-9 ()-]{6,}|^\W*0[0-9 ()-]{7,}")
_EXACT: Final = 2**53
_NAMES_OF_NUMBERS: Final = ("phone", "mobil", "tel", "cell", "msisdn", "nummer", "numero", "handy", "destination")


@frozen(kw_only=True)
class _Wanted:
    """Which columns hold what, and how numbers are read."""

    numbers: tuple[str, ...]
    zone: str | None
    priority: str | None
    country: str | None
    allow_premium: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.numbers, *filter(None, (self.zone, self.priority)))

    def option_of(self, column: str) -> str:
        """Return the name of the parameter that names a column."""
        return next((name for name in ("zone", "priority") if getattr(self, name) == column), "number")


@frozen
class _Broken:
    """A row that has no fields, or not those of the header, and why."""

    problem: str
    fields: Mapping[str, Any] = MappingProxyType({})


class ContactFile(ABC):
    """The contacts of a file, and a :class:`BrokenRow` for each other row; may be iterated over again and again.

    ``columns`` are the names of its columns, None if each row has its own. ``found`` says what was detected: the
    encoding, the delimiter, the sheet.
    """

    _blank = "empty"
    """What a cell without a value is."""

    def __init__(self, path: Path, wanted: _Wanted) -> None:
        self.path: Path = path
        self.columns: tuple[str, ...] | None = None
        self.found: tuple[str, ...] = ()
        self._wanted = wanted

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __iter__(self) -> Iterator[Contact | BrokenRow]:
        return (contact for _, contact in self.lines())

    def lines(self) -> Iterator[tuple[int, Contact | BrokenRow]]:
        """Yield each contact, or broken row, with its line from 1; the row of a table and the item of an array count.

        :raises ConfigurationError: the file cannot be read.
        """
        with readable(self.path):
            for line, row in self._rows():
                if isinstance(row, _Broken):
                    yield line, BrokenRow(line, row.problem, row.fields)
                else:
                    yield line, self._contact(line, row)

    @abstractmethod
    def _rows(self) -> Iterator[tuple[int, Row]]:
        """Yield each row with its line: its fields, or what is wrong with it."""

    def _check_columns(self, columns: Sequence[str]) -> None:
        """Keep the names of the columns.

        :raises ConfigurationError: one is missing, or two have one name.
        """
        names = [name for name in columns if name]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(f"{self.path} has two columns named {twice!r}")
        for column in self._wanted.columns:
            if column not in names:
                option = self._wanted.option_of(column)
                has = ", ".join(names) or "no columns"
                close = _close_column(column, names, option)
                raise ConfigurationError(
                    f"{self.path} has no column {column!r}; it has {has}"
                    + (f": pass {option}={close!r}" if close else f"; pass {option}=")
                )
        self.columns = tuple(names)

    def _contact(self, line: int, row: Mapping[str, Any]) -> Contact | BrokenRow:
        wanted = self._wanted
        zone, priority = (row.get(column) if column else None for column in (wanted.zone, wanted.priority))
        try:
            read = [self._number(column, row[column]) for column in wanted.numbers if not _is_blank(row.get(column))]
            if not read:
                verb = "is" if len(wanted.numbers) == 1 else "are"
                return BrokenRow(line, f"{' and '.join(wanted.numbers)} {verb} {self._blank}", row)
            return Contact(
                numbers=read,
                fields=row,
                zone=None if _is_blank(zone) else zone,
                priority=0 if _is_blank(priority) else read_priority(priority),
                allow_premium=wanted.allow_premium,
                line=line,
            )
        except InvalidRequestError as problem:
            return BrokenRow(line, str(problem), row)

    def _number(self, column: str, written: object) -> str:
        note = ""
        if isinstance(written, _Exact):
            note = "the cell holds a decimal number, not text"
        elif isinstance(written, float):
            written, note = _digits_of(column, written), "the cell holds a floating-point number, not text"
        elif isinstance(written, int) and not isinstance(written, bool):
            written, note = str(written), "the cell holds a number, not text"
        try:
            return read_number(
                written, country=self._wanted.country, allow_premium=self._wanted.allow_premium, field=column
            )
        except InvalidRequestError as problem:
            raise InvalidRequestError(f"{problem} ({note})" if note else str(problem), field=column) from None


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value != value  # noqa: PLR0124  # NaN


def _digits_of(column: str, written: float) -> str:
    """Return a floating-point number as its digits, if it is a whole number that has lost none."""
    if isinstance(written, RoundedNumber):
        raise InvalidRequestError(
            f"{column} is written with an exponent or decimals, so digits may be lost; write it as text", field=column
        )
    if not float(written).is_integer() or abs(written) >= _EXACT:
        raise InvalidRequestError(f"{column} is a floating-point number with decimals or too many digits", field=column)
    return str(int(written))


def _close_column(column: str, names: Sequence[str], option: str) -> str | None:
    """Return the column that was probably meant."""
    by_small = {name.lower(): name for name in names}
    close = by_small.get(column.lower()) or next(iter(get_close_matches(column, names, 1)), None)
    if close is None and option == "number":
        close = next((name for name in names if any(word in name.lower() for word in _NAMES_OF_NUMBERS)), None)
    return close


class CsvFile(ContactFile):
    """A CSV file whose first row names the columns."""

    def __init__(self, path: Path, wanted: _Wanted, *, delimiter: str | None, encoding: str | None) -> None:
        super().__init__(path, wanted)
        if delimiter is not None and not (
            isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n'
        ):
            raise ConfigurationError(f"delimiter must be one character, not {delimiter!r}")
        self._header: list[str] = []
        with readable(path):
            self._text = examine(path, encoding)
            named, found = self._text.detect_delimiter(self._wanted.columns)
            self._skipped, self._delimiter = int(named), delimiter or found
            self._read_header()
            for _ in self._cells() if self._text.needs_check else ():
                pass
        self._check_columns(self._header)
        separated = _DELIMITER_NAMES.get(self._delimiter, repr(self._delimiter))
        self.found: tuple[str, ...] = (*self._text.found, f"columns separated by {separated}")

    def _read_header(self) -> None:
        _, cells = next(self._filled(), (0, []))
        self._header = [name.strip() for name in cells]
        for place, name in enumerate(self._header):
            if self._holds_rows(place, name):
                looks = f"looks like {len(name.splitlines())} rows: is a quotation mark missing?"
                raise ConfigurationError(f"{self.path}: the name of column {place + 1} {looks}")

    def _filled(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that are not blank; the first one names the columns."""
        return ((line, cells) for line, cells in self._cells() if any(map(str.strip, cells)))

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of each row with the line that it begins on.

        :raises ConfigurationError: a quotation mark is not closed, or stands inside a cell in quotation marks.
        """
        with self._text.open() as file:
            for _ in range(self._skipped):
                file.readline()
            reader = csv.reader(file, delimiter=self._delimiter, strict=True)
            line = 1
            try:
                for cells in reader:
                    yield line + self._skipped, cells
                    line = reader.line_num + 1
            except (csv.Error, UnicodeError) as problem:
                other = "a cell is too long" if "field limit" in str(problem) else "text follows it in its cell"
                raise ConfigurationError(
                    f"{self.path}, line {line + self._skipped}: a quotation mark is not closed, or {other}; nothing "
                    f"behind it can be read with certainty ({problem})"
                ) from None

    def _rows(self) -> Iterator[tuple[int, Row]]:
        rows = self._filled()
        next(rows, None)
        for line, cells in rows:
            yield line, self._row(cells)

    def _row(self, cells: list[str]) -> Row:
        width = len(self._header)
        named = max((place for place, name in enumerate(self._header, 1) if name), default=0)
        fields = {name: cell for name, cell in zip(self._header, cells, strict=False) if name}
        if len(cells) < named or any(map(str.strip, cells[width:])):
            return _Broken(f"has {len(cells)} cell{'s' * (len(cells) != 1)}, and the first row has {named}", fields)
        for place, cell in enumerate(cells[:width]):
            if not self._header[place] and cell.strip():
                return _Broken(f"has a value in column {place + 1}, which has no name", fields)
            if self._holds_rows(place, cell):
                rows = len(cell.splitlines())
                return _Broken(f"has a cell that looks like {rows} rows: is a quotation mark missing?", fields)
        return fields

    def _holds_rows(self, place: int, cell: str) -> bool:
        """Say whether a cell looks as if an open quotation mark had swallowed the rows behind it."""
        if "\n" not in cell and "\r" not in cell:
            return False
        first, *behind = cell.splitlines()
        width, delimiter = len(self._header) - 1, self._delimiter
        # The mark opens and closes in one column: the rest of one row, and the beginning of another.
        if width and first.count(delimiter) >= width - place and behind[-1:] and behind[-1].count(delimiter) >= place:
            return True
        return any((width and line.count(delimiter) >= width) or _LOOKS_LIKE_A_ROW.search(line) for line in behind)


class JsonFile(ContactFile):
    """JSON objects: one on each line, or in one array; blank lines are skipped."""

    def __init__(self, path: Path, wanted: _Wanted, *, encoding: str | None = None) -> None:
        super().__init__(path, wanted)
        with readable(path):
            self._text = examine(path, encoding)
            with self._text.open() as file:
                start = file.read(4096).lstrip()
        self._is_array = start.startswith("[")
        self.found: tuple[str, ...] = (*self._text.found, "a JSON array" if self._is_array else "JSON lines")
        self._look()

    def _look(self) -> None:
        """Look at the first rows: a field of numbers that none of them has is misspelt."""
        names: dict[str, None] = {}
        with readable(self.path):
            for seen, (_, row) in enumerate(self._rows(), 1):
                names.update(dict.fromkeys({} if isinstance(row, _Broken) else row))
                if seen > _BATCH:
                    return
        if names:
            self._check_columns([*names])

    def _array(self) -> list[Any]:
        with self._text.open() as file:
            try:
                return list(parse_json(file.read()))
            except (ValueError, RecursionError) as problem:
                raise ConfigurationError(f"{self.path} is not valid JSON: {problem}") from None

    def _rows(self) -> Iterator[tuple[int, Row]]:
        if self._is_array:
            for place, item in enumerate(self._array(), 1):
                yield place, item if isinstance(item, dict) else _Broken("is not a JSON object")
            return
        with self._text.open() as file:
            for line, written in enumerate(file, 1):
                if written.strip():
                    yield line, _json_row(written)


def _json_row(written: str) -> Row:
    try:
        row = parse_json(written)
    except (ValueError, RecursionError) as problem:
        return _Broken(f"is not valid JSON: {problem}")
    return row if isinstance(row, dict) else _Broken("is not a JSON object")


class _Exact(str):
    """The text of an exact number."""

    __slots__ = ()


class ParquetFile(ContactFile):
    """A Parquet file; dates, times and exact numbers become text, as JSON has none of them."""

    def __init__(self, path: Path, wanted: _Wanted) -> None:
        super().__init__(path, wanted)
        with self._open() as file:
            self._check_columns([str(name) for name in file.schema_arrow.names])
            kinds = dict(zip(file.schema_arrow.names, map(str, file.schema_arrow.types), strict=True))
        for name in wanted.numbers:
            if kinds[name] in ("float", "halffloat"):
                raise ConfigurationError(
                    f"{path}: column {name!r} holds {kinds[name]}, which keeps 7 digits of a number"
                )
        self.found: tuple[str, ...] = (
            "Parquet",
            *(f"column {name} holds {kinds[name]}" for name in wanted.numbers if "string" not in kinds[name]),
        )

    def _open(self) -> Any:
        library = _library("pyarrow.parquet", "parquet", "Parquet")
        try:
            with readable(self.path):
                self.path.open("rb").close()
                return library.ParquetFile(self.path)
        except ValueError as problem:
            if isinstance(problem, ConfigurationError):
                raise
            raise ConfigurationError(f"{self.path} is not a Parquet file: {problem}") from None

    def _rows(self) -> Iterator[tuple[int, Row]]:
        line = 0
        with self._open() as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    line += 1
                    yield line, {name: _plain(value) for name, value in row.items()}


class WorkbookFile(ContactFile):
    """A sheet of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods) whose first row that is not blank names the columns."""

    # The library gives nothing for an error, nor for a formula that no spreadsheet program has computed yet.
    _blank = "empty, an error, or a formula without a result"

    def __init__(self, path: Path, wanted: _Wanted, *, sheet: str | None) -> None:
        super().__init__(path, wanted)
        self._sheet, sheets = self._choose(sheet)
        rows = self._table()
        _, header = next(rows, (0, []))
        self._header = ["" if _is_blank(name) else str(name).strip() for name in header]
        self._check_columns(self._header)
        of = f" of {sheets}" if sheets > 1 else ""
        self.found: tuple[str, ...] = (f"sheet {self._sheet!r}{of}",)

    def _open(self) -> Any:
        library = _library("python_calamine", "xlsx", "a workbook; or save it as CSV")
        try:
            with readable(self.path):
                self.path.open("rb").close()
                return library.load_workbook(str(self.path))
        except library.CalamineError as problem:
            raise ConfigurationError(f"{self.path} is not a workbook that can be read: {problem}") from None

    def _choose(self, wanted: str | None) -> tuple[str, int]:
        """Return the sheet, the first that is visible if none is named, and how many there are."""
        book = self._open()
        names = [str(name) for name in book.sheet_names]
        visible = [str(each.name) for each in book.sheets_metadata if str(each.visible).rpartition(".")[2] == "Visible"]
        if wanted is not None and wanted not in names:
            raise ConfigurationError(f"{self.path} has no sheet {wanted!r}; it has {', '.join(names)}")
        if not visible:
            raise ConfigurationError(f"{self.path} has no sheet that is visible")
        return wanted or visible[0], len(names)

    def _table(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield the rows that are not blank, with their numbers as the spreadsheet shows them."""
        sheet = self._open().get_sheet_by_name(self._sheet)
        first = (sheet.start or (0, 0))[0] + 1
        for line, row in enumerate(sheet.to_python(skip_empty_area=True), first):
            cells = [_whole(_plain(cell)) for cell in row]
            if not all(map(_is_blank, cells)):
                yield line, cells

    def _rows(self) -> Iterator[tuple[int, Row]]:
        rows = self._table()
        next(rows, None)
        for line, cells in rows:
            fields = {name: cell for name, cell in zip(self._header, cells, strict=True) if name}
            nameless = [place for place, name in enumerate(self._header, 1) if not name]
            filled = [place for place in nameless if not _is_blank(cells[place - 1])]
            problem = f"has a value in column {filled[0]}, which has no name" if filled else ""
            yield line, _Broken(problem, fields) if problem else fields


def _library(module: str, extra: str, kind: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise ConfigurationError(f"to read {kind}, install the extra: sinch-voice-async[{extra}]") from problem


def _plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    if isinstance(value, float):
        return None if value != value else value  # noqa: PLR0124  # JSON has no NaN
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _Exact(value)
    return str(value) if isinstance(value, timedelta) else value


def _whole(value: object) -> object:
    """Return a whole number as an int: a spreadsheet keeps every number as a floating-point number."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _wanted(
    number: Columns, zone: str | None, priority: str | None, country: str | None, *, allow_premium: bool
) -> _Wanted:
    several: object = (number,) if isinstance(number, str) else number
    numbers = tuple(several) if isinstance(several, Iterable) else ()
    if not numbers or not all(isinstance(name, str) and name for name in numbers):
        raise ConfigurationError("number must be the name of a column, or several")
    known = None if country is None else check_country(country)
    return _Wanted(numbers=numbers, zone=zone, priority=priority, country=known, allow_premium=allow_premium)


def read_csv(
    path: PathLike,
    *,
    number: Columns = "number",
    zone: str | None = None,
    priority: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    country: str | None = None,
    allow_premium: bool = False,
) -> ContactFile:
    """Return the contacts of a CSV file whose first row names the columns; it may be compressed with gzip.

    ``number``, ``zone`` and ``priority`` name the columns with the telephone number, the time zone and the priority, a
    whole number from 0 to 100 (an empty cell is 0); several columns of numbers are tried in turn. Every column is in
    ``contact.fields``. ``delimiter`` is detected if it is left out (comma, semicolon, tab or bar, or what a first line
    ``sep=;`` says), and ``encoding`` too (UTF-8, UTF-16 or UTF-32; name any other, such as ``cp1252``). With
    ``country`` (ISO 3166-1, such as ``SE``) numbers may be in its national form. Premium-rate numbers are broken rows
    unless ``allow_premium`` is True. Blank rows and columns without a name and a value are skipped.

    :raises ConfigurationError: the file cannot be read, is in another encoding, has no such column, or has a quotation
        mark that is not closed; the message names the line.
    """
    wanted = _wanted(number, zone, priority, country, allow_premium=allow_premium)
    return CsvFile(a_path(path, "path"), wanted, delimiter=delimiter, encoding=encoding)


def read_json(
    path: PathLike,
    *,
    number: Columns = "number",
    zone: str | None = None,
    priority: str | None = None,
    country: str | None = None,
    allow_premium: bool = False,
) -> ContactFile:
    """Return the contacts of a JSON file: an object on each line, or an array of objects, which is read into memory.

    The parameters are those of :func:`read_csv`, with fields in place of columns.

    :raises ConfigurationError: the file cannot be read, or is not valid JSON.
    """
    return JsonFile(a_path(path, "path"), _wanted(number, zone, priority, country, allow_premium=allow_premium))


read_json_lines = read_json


def read_parquet(
    path: PathLike,
    *,
    number: Columns = "number",
    zone: str | None = None,
    priority: str | None = None,
    country: str | None = None,
    allow_premium: bool = False,
) -> ContactFile:
    """Return the contacts of a Parquet file; needs the extra ``parquet``.

    The parameters are those of :func:`read_csv`. Dates, times and exact numbers become text in ``contact.fields``. A
    column of floating-point numbers, as pandas writes one with a gap, is read as whole numbers if they are; such digits
    name no country, so ``country`` is needed.

    :raises ConfigurationError: the file cannot be read, has no such column, or the extra is not installed.
    """
    return ParquetFile(a_path(path, "path"), _wanted(number, zone, priority, country, allow_premium=allow_premium))


def read_xlsx(
    path: PathLike,
    *,
    sheet: str | None = None,
    number: Columns = "number",
    zone: str | None = None,
    priority: str | None = None,
    country: str | None = None,
    allow_premium: bool = False,
) -> ContactFile:
    """Return the contacts of a workbook (.xlsx, .xlsm, .xlsb, .xls or .ods); needs the extra ``xlsx``.

    ``sheet`` is the name of the sheet, else the first that is visible; its first row that is not blank names the
    columns. The other parameters are those of :func:`read_csv`. A number that the spreadsheet keeps as a number has
    lost its plus, so ``country`` is needed; format the column as text to keep it.

    :raises ConfigurationError: the file cannot be read, has no such sheet or column, or the extra is not installed.
    """
    wanted = _wanted(number, zone, priority, country, allow_premium=allow_premium)
    return WorkbookFile(a_path(path, "path"), wanted, sheet=sheet)


def read_contacts(
    path: PathLike,
    *,
    number: Columns = "number",
    zone: str | None = None,
    priority: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    country: str | None = None,
    allow_premium: bool = False,
) -> ContactFile:
    """Return the contacts of a file of any kind, by the ending of its name; anything unknown is read as CSV.

    ``.json``, ``.jsonl`` and ``.ndjson``, ``.parquet``, ``.xlsx`` and its relatives; each text may be compressed, with
    ``.gz`` behind its name. The parameters are those of :func:`read_csv`.

    :raises ConfigurationError: as the function for that kind of file does.
    """
    wanted = _wanted(number, zone, priority, country, allow_premium=allow_premium)
    name = a_path(path, "path")
    ending = (name.with_suffix("") if name.suffix.lower() == ".gz" else name).suffix.lower()
    if ending in (".json", ".jsonl", ".ndjson"):
        return JsonFile(name, wanted, encoding=encoding)
    if ending in (".parquet", ".pq"):
        return ParquetFile(name, wanted)
    if ending in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"):
        return WorkbookFile(name, wanted, sheet=None)
    return CsvFile(name, wanted, delimiter=delimiter, encoding=encoding)
