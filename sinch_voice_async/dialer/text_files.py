"""Text files as people have them: what they are is detected, gzip is read through, and JSON is read strictly."""

import codecs
import errno
import gzip
import json
import re
import stat
import zlib
from collections.abc import Collection, Generator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final, cast

from attrs import frozen

from sinch_voice_async import _files
from sinch_voice_async.errors import ConfigurationError

__all__ = ["RoundedNumber", "TextFile", "examine", "parse_json", "readable"]

_CHUNK: Final = 1 << 20
# A line that is longer than a parser takes has a block of this size without an end of line.
_BLOCK: Final = 1 << 15
_DELIMITERS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_MARKUP: Final = re.compile(rb"\s*<(?:!doctype|html|head|table|meta|\?xml|workbook)\b", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_OTHER_FILES: Final = (
    (b"PK\x03\x04", "a workbook or another ZIP archive: save it as CSV, or name it .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office document: save it as CSV, or name it .xls"),
    (b"PAR1", "a Parquet file: name it .parquet"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a SQLite database, perhaps the journal of a campaign"),
    (b"BZh", "compressed with bzip2: decompress it first, or use gzip"),
    (b"\xfd7zXZ", "compressed with xz: decompress it first, or use gzip"),
    (b"(\xb5/\xfd", "compressed with Zstandard: decompress it first, or use gzip"),
    (b"\x04\x22M\x18", "compressed with LZ4: decompress it first, or use gzip"),
    (b"\x1f\x8b", "compressed with gzip twice: decompress it once"),
    (b"7z\xbc\xaf", "a 7-Zip archive: extract it first"),
    (b"Rar!", "a RAR archive: extract it first"),
    (b"ARROW1", "an Arrow file: save it as Parquet or CSV"),
    (b"Obj\x01", "an Avro file: save it as Parquet or CSV"),
    (b"{\\rtf", "a document in RTF: save it as text"),
)


@contextmanager
def readable(path: Path) -> Generator[None, None, None]:
    """Raise ``ConfigurationError`` if a file cannot be read."""
    try:
        _files.check_closed(path)
        _check_kind(path)
        yield
    except (OSError, EOFError, zlib.error, UnicodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ConfigurationError(f"{path} cannot be read: {reason}") from problem


def _check_kind(path: Path) -> None:
    # A file is read more than once: a pipe waits for its other end for ever, and a device may have none.
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


@frozen
class TextFile:
    """The text of a file: its encoding as Python names it and as people do, and whether gzip compressed it.

    ``needs_check`` says that a parser may stop in the middle of it: it has quotation marks, or very long lines.
    """

    path: Path
    encoding: str
    name: str
    is_compressed: bool
    needs_check: bool

    def open(self) -> IO[str]:
        """Open the file for reading; line ends stay as they are."""
        return TextIOWrapper(_open_bytes(self.path, compressed=self.is_compressed), self.encoding, newline="")

    def detect_delimiter(self, columns: Collection[str]) -> tuple[bool, str]:
        """Return whether the first line names the delimiter, as ``sep=;`` does, and the delimiter.

        If no line names it, it is the one that finds these columns in the first line that is not blank, or the most.
        """
        with self.open() as file:
            first = file.readline().rstrip("\r\n")
            if named := _SEPARATOR_LINE.fullmatch(first):
                return True, named[1]
            while not first.strip(f'{_DELIMITERS}" \r\n') and (line := file.readline()):
                first = line
        split = {delimiter: first.split(delimiter) for delimiter in _DELIMITERS}
        finds = {each for each, cells in split.items() if {cell.strip(' "') for cell in cells}.issuperset(columns)}
        counts = {delimiter: len(cells) - 1 for delimiter, cells in split.items()}
        return False, max(_DELIMITERS, key=lambda each: (counts[each] > 0 and each in finds, counts[each]))

    @property
    def found(self) -> tuple[str, ...]:
        """What was detected, in words."""
        return (self.name, "compressed with gzip") if self.is_compressed else (self.name,)


def _open_bytes(path: Path, *, compressed: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else path.open("rb")


def examine(path: Path, encoding: str | None) -> TextFile:
    """Detect the encoding of a text file, and read it whole once to be certain.

    :raises ConfigurationError: it is not a text file, or not in that encoding.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with _open_bytes(path, compressed=compressed) as file:
        head = file.read(4096)
    _refuse_other_files(path, head)
    name = ""
    if encoding is None:
        encoding, name = _encoding_of(path, head)
    decoder = _decoder(encoding)
    line, needs_check, chunk = 1, False, b""
    with _open_bytes(path, compressed=compressed) as file:
        try:
            while chunk := file.read(_CHUNK):
                text = decoder.decode(chunk)
                line += text.count("\n")
                needs_check = needs_check or '"' in text or _has_long_line(text)
            decoder.decode(b"", final=True)
        except UnicodeError as problem:
            raise ConfigurationError(_not_in_encoding(path, name or encoding, problem, line, chunk)) from None
    return TextFile(path, encoding, name or encoding, compressed, needs_check)


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        # Refuses rot13 and its like, which do not decode bytes to text.
        bytes(4).decode(encoding)
        return codecs.getincrementaldecoder(encoding)()
    except (LookupError, TypeError, ValueError):
        raise ConfigurationError(f"encoding must be a text encoding such as cp1252, not {encoding!r}") from None


def _has_long_line(text: str) -> bool:
    return any("\n" not in text[at : at + _BLOCK] for at in range(0, len(text) - _BLOCK + 1, _BLOCK))


def _refuse_other_files(path: Path, head: bytes) -> None:
    """Refuse a file of another kind by its first bytes, whatever encoding is named."""
    for start, kind in _OTHER_FILES:
        if head.startswith(start):
            raise ConfigurationError(f"{path} is not a text file but {kind}")
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        raise ConfigurationError(f"{path} is not a table but an HTML or XML document: save it as CSV")


def _encoding_of(path: Path, head: bytes) -> tuple[str, str]:
    for mark, encoding, name in _MARKS:
        if head.startswith(mark):
            return encoding, name
    if b"\0" in head:
        for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if zeros.count(0) > len(zeros) * 0.7:
                return encoding, "UTF-16 without a byte order mark"
        raise ConfigurationError(f"{path} is not a text file: it holds bytes that are zero")
    return "utf-8", "UTF-8"


def _not_in_encoding(path: Path, name: str, problem: UnicodeError, line: int, chunk: bytes) -> str:
    where = ""
    if isinstance(problem, UnicodeDecodeError):
        line += chunk[: problem.start].count(b"\n")
        where = f": line {line} holds the byte 0x{problem.object[problem.start]:02X}"
    looks = '; it looks like Windows-1252: pass encoding="cp1252"' if name.startswith("UTF-8") else ""
    return f"{path} is not valid {name}{where}{looks}"


def parse_json(text: str) -> Any:
    """Return a JSON document without what has two readings; some numbers are :class:`RoundedNumber`.

    :raises ValueError: it is not JSON, or a field comes twice in one object.
    :raises RecursionError: it is too deep.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_float)


class RoundedNumber(float):
    """A number that JSON has with an exponent, or with decimals that a float does not keep: 4.67e10 was more digits."""

    __slots__ = ()


def _float(text: str) -> float:
    number = float(text)
    is_plain = text.strip("-0123456789.") == "" and not (number.is_integer() and text.partition(".")[2].strip("0"))
    return number if is_plain else RoundedNumber(number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field comes twice in one object")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
