"""Contacts from files."""

import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sinch_voice_async import ConfigurationError
from sinch_voice_async.dialer import (
    BrokenRow,
    Contact,
    ContactFile,
    read_csv,
    read_json_lines,
    read_numbers,
    read_parquet,
)


def parts(file: ContactFile) -> tuple[list[Contact], list[BrokenRow]]:
    """Return the contacts and the broken rows of a file."""
    rows = [*file]
    return [row for row in rows if isinstance(row, Contact)], [row for row in rows if isinstance(row, BrokenRow)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, delimiter: str) -> None:
    """With a byte order mark, any of four delimiters, quotes, blank lines and spaces in the header."""
    rows = ["number ,name,zone", "+46700000001,Ann,Europe/Stockholm", "", '+46700000002,"Bo\nB, Ö",']
    text = "\r\n".join(rows).replace(",", delimiter).replace(f"B{delimiter} Ö", "B, Ö") + "\r\n"
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    file = read_csv(tmp_path / "x.csv", zone="zone")
    for _ in range(2):
        contacts, broken = parts(file)
        assert [contact.number for contact in contacts] == ["+46700000001", "+46700000002"]
        assert [contact.zone for contact in contacts] == ["Europe/Stockholm", None]
        assert contacts[1]["name"] == "Bo\r\nB, Ö".replace("\r", "")
        assert broken == []
    assert repr(file) == f"CsvFile({str(tmp_path / 'x.csv')!r})"


def test_broken_rows_of_csv(tmp_path: Path) -> None:
    """Each is told with its line, and the rest goes on."""
    lines = [
        b"number,name",
        b"+46700000001,Ann",
        b"0701234567,national",
        b"+46700000002",
        b"+46700000003,too,many",
        b",empty",
        b"+46700000004,\xff\xfe",
        b'"' + b"x" * 200_000 + b'",long',
        b"+46700000005,Eve \xc3\xb6",
    ]
    (tmp_path / "x.csv").write_bytes(b"\n".join(lines))
    contacts, broken = parts(read_csv(tmp_path / "x.csv"))
    assert [contact.number for contact in contacts] == ["+46700000001", "+46700000005"]
    assert [row.line for row in broken] == [3, 4, 5, 6, 7, 8]
    assert "1 cells" in broken[1].problem
    assert broken[3].problem == "number is empty"
    assert "no text" in broken[4].problem
    assert "no CSV" in broken[5].problem
    assert not any("0701234567" in row.problem for row in broken)


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("phone\n1\n", {}, "no column 'number'; it has phone"),
        ("", {}, "no column 'number'; it has none"),
        ("number,name\n", {"zone": "zone"}, "no column 'zone'"),
        ("number,name,name\n", {}, "two columns of one name"),
        ("number\n", {"delimiter": "::"}, "delimiter"),
        ("number\n", {"encoding": "klingon"}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_at_once(
    tmp_path: Path, text: str, arguments: dict[str, str], reason: str
) -> None:
    """When it is named, and not when the campaign runs."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=reason):
        read_csv(tmp_path / "x.csv", **arguments)


@pytest.mark.parametrize("read", [read_csv, read_json_lines, read_parquet, read_numbers])
def test_a_file_that_is_not_there(tmp_path: Path, read: object) -> None:
    """Is named, and so is the reason."""
    assert callable(read)
    with pytest.raises(ConfigurationError, match="none cannot be read"):
        read(tmp_path / "none")


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    """Between the naming and the reading, it is the same error."""
    (tmp_path / "x.csv").write_text("number\n+46700000001\n")
    file = read_csv(tmp_path / "x.csv")
    (tmp_path / "x.csv").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(file)


def test_json_lines(tmp_path: Path) -> None:
    """An object on each line; a number may be a number; values stay what they are."""
    lines = [
        '\ufeff{"number": "+46700000001", "name": "Ann", "visits": 3}',
        "",
        '{"number": "+46700000002", "where": "Asia/Tokyo"}',
        "{",
        "[1]",
        '{"number": true}',
        '{"name": "Bo"}',
        "[" * 100_000,
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    contacts, broken = parts(read_json_lines(tmp_path / "x.jsonl", zone="where"))
    assert [contact.number for contact in contacts] == ["+46700000001", "+46700000002"]
    assert (contacts[0]["visits"], contacts[1].zone) == (3, "Asia/Tokyo")
    assert [row.line for row in broken] == [4, 5, 6, 7, 8]


def test_parquet(tmp_path: Path) -> None:
    """Row by row, with dates and exact numbers as text; a row without a number is broken."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "number": ["+46700000001", None],
        "born": [date(1999, 12, 31), None],
        "owed": [Decimal("12.50"), None],
        "visits": [3, None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    contacts, broken = parts(read_parquet(tmp_path / "x.parquet"))
    assert dict(contacts[0].fields) == {
        "number": "+46700000001",
        "born": "1999-12-31",
        "owed": "12.50",
        "visits": 3,
    }
    assert broken == [BrokenRow(2, "number is empty")]
    with pytest.raises(ConfigurationError, match="no column 'phone'"):
        read_parquet(tmp_path / "x.parquet", number="phone")


def test_parquet_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of that name, and an extra that is not installed."""
    (tmp_path / "x.parquet").write_text("number\n" * 100)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[parquet\]"):
        read_parquet(tmp_path / "x.parquet")


def test_a_do_not_call_list(tmp_path: Path) -> None:
    """A number on each line, in any spelling, with comments; a line that is none is an error."""
    (tmp_path / "x.txt").write_text("# asked us not to\n+46 70 000 00 01\n\n+46700000002  # twice\n")
    assert read_numbers(tmp_path / "x.txt") == {"+46700000001", "+46700000002"}
    (tmp_path / "x.txt").write_text("+46700000001\n0701234567\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        read_numbers(tmp_path / "x.txt")
