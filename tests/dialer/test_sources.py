"""Contacts from files: read strictly, and every row accounted for."""

import codecs
import gzip
import json
import os
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError
from sinch_voice_async.dialer import (
    BrokenRow,
    Contact,
    ContactFile,
    read_contacts,
    read_csv,
    read_json,
    read_json_lines,
    read_numbers,
    read_parquet,
    read_xlsx,
)

ANN, BO, CY = "+46700000001", "+46700000002", "+46700000003"


def parts(file: ContactFile) -> tuple[list[Contact], list[BrokenRow]]:
    """Return the contacts and the broken rows of a file."""
    rows = [*file]
    return [row for row in rows if isinstance(row, Contact)], [row for row in rows if isinstance(row, BrokenRow)]


def written(folder: Path, text: str | bytes, name: str = "c.csv") -> Path:
    """Write a file, and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, delimiter: str) -> None:
    """With a byte order mark, any of four delimiters, quotes, blank lines and spaces in the header."""
    rows = ["number ,name,zone", f"{ANN},Ann,Europe/Stockholm", "", f'{BO},"Bo\nB, Ö",']
    text = "\r\n".join(rows).replace(",", delimiter).replace(f"B{delimiter} Ö", "B, Ö") + "\r\n"
    file = read_csv(written(tmp_path, codecs.BOM_UTF8 + text.encode()), zone="zone")
    for _ in range(2):
        contacts, broken = parts(file)
        assert [(contact.number, contact.line) for contact in contacts] == [(ANN, 2), (BO, 4)]
        assert [contact.zone for contact in contacts] == ["Europe/Stockholm", None]
        assert contacts[1]["name"] == "Bo\nB, Ö"
        assert broken == []
    assert repr(file) == f"CsvFile({str(tmp_path / 'c.csv')!r})"
    assert file.columns == ("number", "name", "zone")
    name = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[delimiter]
    assert file.found == ("UTF-8 with a byte order mark", f"columns separated by {name}")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sep=;\r\nnumber;name\r\n{0};Ann, of Oslo\r\n", ["Ann, of Oslo"]),
        ('"sep=|"\nnumber|name\n{0}|Ann\n', ["Ann"]),
        ("number,name,,\n{0},Ann,,\n{1},Bo\n{2},Cy,,,\n", ["Ann", "Bo", "Cy"]),
        ("number,,name\n{0},,Ann\n", ["Ann"]),
        ("number,name\n,\n\n{0},Ann\n , \n\n{1},Bo", ["Ann", "Bo"]),
        ("name,comment;number\nAnn,x;{0}\n", ["Ann"]),
        ('number,name\n{0},"Ann ""Annie"" Berg"\n{1},Bo "B" Berg\n', ['Ann "Annie" Berg', 'Bo "B" Berg']),
        ('number,name\n{0},"Ann\nStreet 1, Oslo"\n', None),
        ('number,name,town\n{0},"Ann\nBerg",Oslo\n', ["Ann\nBerg"]),
    ],
)
def test_quirks_of_spreadsheets(tmp_path: Path, text: str, names: list[str] | None) -> None:
    """A line that names the delimiter, columns and rows without content, quotes within cells."""
    path = written(tmp_path, text.format(ANN, BO, CY))
    column = "name,comment" if "comment" in text else "name"
    contacts, broken = parts(read_csv(path))
    if names is None:
        assert "looks like 2 rows" in broken[0].problem
    else:
        assert [contact[column].partition(",x")[0] for contact in contacts] == names
        assert broken == []


def test_the_delimiter_may_be_given_beside_a_line_that_names_it(tmp_path: Path) -> None:
    """The line is no row, whoever said which delimiter it is."""
    path = written(tmp_path, f"sep=;\nnumber;name\n{ANN};Ann\n")
    file = read_csv(path, delimiter=";")
    assert [(each.number, each.line) for each in parts(file)[0]] == [(ANN, 3)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'number,name\n{ANN},"Ann\n{BO},Bo\n{CY},Cy\n', 2),
        (f'number,name\n{ANN},Ann\n{BO},"Bo\n{CY},"Cy\n', 3),
        (f'number,name\n{ANN},"Ann"x\n', 2),
        (f'number,"name\n{ANN},Ann\n', 1),
        (f'number;name\n\n{ANN};Ann\n{BO};"Bo' + f"\n{CY};Cy" * 20_000, 4),
    ],
)
def test_an_open_quotation_mark_stops_at_once(tmp_path: Path, text: str, line: int) -> None:
    """It swallows what stands behind it: the file is refused when it is named, by its line."""
    with pytest.raises(ConfigurationError, match=rf"line {line}: a quotation mark"):
        read_csv(written(tmp_path, text))


def test_a_cell_that_holds_rows_is_broken(tmp_path: Path) -> None:
    """Two stray quotation marks make one cell of several rows, which nobody is to hear."""
    text = f'number,name\n{ANN},"Ann\n{BO},Bo\n{CY},Cy"\n+46700000004,Di\n'
    contacts, broken = parts(read_csv(written(tmp_path, text)))
    assert [contact["name"] for contact in contacts] == ["Di"]
    assert [(row.line, "3 rows" in row.problem) for row in broken] == [(2, True)]
    contacts, broken = parts(read_csv(written(tmp_path, f'number\n"{ANN}\n{BO}"\n{CY}\n')))
    assert ([contact.line for contact in contacts], [row.line for row in broken]) == ([4], [2])


@pytest.mark.parametrize(
    "text",
    [
        f'name,number\n"Ann,{ANN}\nBo",{BO}\nCy,{CY}\n',
        f'name,number\n"Ann,{ANN}\nDi,+46700000004\nBo",{BO}\nCy,{CY}\n',
        f'x;number;name\na;{ANN};"Ann\nb;{BO};Bo"\nc;{CY};Cy\n',
        f'number,name\n{ANN},"Ann\n0701234567;Bo"\n{CY},Cy\n',
    ],
)
def test_a_callee_never_hears_of_the_row_before(tmp_path: Path, text: str) -> None:
    """The mark may open in the first column: what it swallows is the rest of one row and the beginning of another."""
    contacts, broken = parts(read_csv(written(tmp_path, text)))
    assert [contact.number for contact in contacts] == [CY]
    assert "is a quotation mark missing?" in broken[0].problem


@pytest.mark.parametrize("header", ['number,"name', 'number,name,"note', '"number', 'number,"name,note'])
def test_a_header_that_swallowed_rows(tmp_path: Path, header: str) -> None:
    """The rows in the name of a column would be lost, and nothing would say so."""
    rows = f'\n{ANN},Ann\n{BO},Bo",x\n{CY},Cy\n'
    with pytest.raises(ConfigurationError, match="looks like 3 rows"):
        read_csv(written(tmp_path, header + rows))


def test_a_cell_of_several_lines_is_a_cell(tmp_path: Path) -> None:
    """An address may have lines and commas, and so may the name of a column."""
    text = f'number,"home\naddress"\n{ANN},"Storgatan 1, ground floor\nOslo"\n'
    contacts, broken = parts(read_csv(written(tmp_path, text)))
    assert ([contact["home\naddress"] for contact in contacts], broken) == (["Storgatan 1, ground floor\nOslo"], [])


@pytest.mark.parametrize("blank", ["\n\n", ",,\n", '"",\r\n', "  \n;\n"])
def test_blank_rows_before_the_header(tmp_path: Path, blank: str) -> None:
    """Spreadsheets begin with blank rows, as workbooks do: the first row that is not blank names the columns."""
    contacts, _ = parts(
        read_csv(
            written(
                tmp_path, f"{blank}number;name\n{ANN};Ann\n" if ";" in blank else f"{blank}number,name\n{ANN},Ann\n"
            )
        )
    )
    assert [contact["name"] for contact in contacts] == ["Ann"]


@pytest.mark.parametrize("cell", ["x" * 140_000, '"' + "x" * 140_000 + '"'])
def test_a_cell_that_no_parser_takes(tmp_path: Path, cell: str) -> None:
    """It is found before anybody is called, not when its row comes."""
    with pytest.raises(ConfigurationError, match=r"line 3: .*a cell is too long"):
        read_csv(written(tmp_path, f"number,name\n{ANN},Ann\n{BO},{cell}\n"))


@pytest.mark.parametrize("encoding", [None, "latin-1", "utf-8"])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04rest", "workbook"),
        (b"\x04\x22M\x18rest", "LZ4"),
        (gzip.compress(gzip.compress(b"number\n", mtime=0), mtime=0), "gzip twice"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"{\\rtf1 number}", "RTF"),
        (b"\r\n<html><table><tr><td>number</td></tr></table>", "HTML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook/>", "XML"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, data: bytes, kind: str, encoding: str | None) -> None:
    """It is named for what it is, also if an encoding is named that takes any bytes."""
    path = tmp_path / "c.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=kind):
        read_csv(path, encoding=encoding)


def test_broken_rows_of_csv(tmp_path: Path) -> None:
    """Each has its line, its reason and its cells, and the rows behind it are read."""
    lines = [
        "number,name,",
        f"{ANN},Ann",
        "0701234567,national",
        BO,
        f"{CY},too,,many",
        ",empty",
        f"{CY},x,nameless",
        f"{CY},Eve ö",
    ]
    contacts, broken = parts(read_csv(written(tmp_path, "\n".join(lines))))
    assert [contact.number for contact in contacts] == [ANN, CY]
    assert [row.line for row in broken] == [3, 4, 5, 6, 7]
    for row, problem in zip(
        broken,
        ["begins with 0", "has 1 cell, ", "has 4 cells", "number is empty", "column 3, which has no name"],
        strict=True,
    ):
        assert problem in row.problem
    assert broken[0].fields == {"number": "0701234567", "name": "national"}
    assert not any("0701234567" in row.problem for row in broken)


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("phone\n1\n", {}, "no column 'number'; it has phone: pass number='phone'"),
        ("Kundnr;Mobil\n1;2\n", {}, "it has Kundnr, Mobil: pass number='Mobil'"),
        ("Number\n1\n", {}, "pass number='Number'"),
        ("x\n1\n", {}, "it has x; pass number="),
        ("", {}, "no column 'number'; it has no columns"),
        ("number,name\n", {"zone": "zone"}, "no column 'zone'.*pass zone="),
        ("number,zones\n", {"zone": "zone"}, "pass zone='zones'"),
        ("number,name,name\n", {}, "two columns named 'name'"),
        ("number\n", {"delimiter": "::"}, "delimiter"),
        ("number\n", {"delimiter": '"'}, "delimiter"),
        ("number\n", {"encoding": "klingon"}, "encoding must be a text encoding"),
        ("number\n", {"encoding": "rot13"}, "encoding must be a text encoding"),
        ("number\n", {"number": ""}, "number must be the name"),
        ("number\n", {"number": []}, "number must be the name"),
        ("number\n", {"country": "Sweden"}, "country must be"),
    ],
)
def test_a_fault_of_a_file_is_raised_at_once(tmp_path: Path, text: str, arguments: dict[str, Any], reason: str) -> None:
    """When it is named, and not when the campaign runs."""
    with pytest.raises(ConfigurationError, match=reason):
        read_csv(written(tmp_path, text), **arguments)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 without a byte order mark"),
        ("utf-16-be", "UTF-16 without a byte order mark"),
        ("utf-32", "UTF-32"),
    ],
)
def test_the_encoding_is_detected_and_said(tmp_path: Path, encoding: str, name: str) -> None:
    """By the byte order mark, or the zeros of UTF-16."""
    path = written(tmp_path, f"number,name\r\n{ANN},Åsa\r\n".encode(encoding))
    file = read_csv(path)
    assert [contact["name"] for contact in parts(file)[0]] == ["Åsa"]
    assert file.found[0] == name


def test_another_encoding_is_named(tmp_path: Path) -> None:
    """One message names the line and the option; with the option the file is read."""
    path = written(tmp_path, f"number,name\n{ANN},Ann\n{BO},Jörg\n".encode("cp1252"))
    with pytest.raises(ConfigurationError, match=r'line 3 holds the byte 0xF6; .* pass encoding="cp1252"'):
        read_csv(path)
    assert [contact["name"] for contact in parts(read_csv(path, encoding="cp1252"))[0]] == ["Ann", "Jörg"]
    with pytest.raises(ConfigurationError, match=r"not valid ascii: line 3 holds the byte 0xF6$"):
        read_csv(path, encoding="ascii")
    with pytest.raises(ConfigurationError, match=r"not valid idna"):
        read_csv(written(tmp_path, b"xn--" + b"a" * 70 + b"."), encoding="idna")
    with pytest.raises(ConfigurationError, match="not valid utf-16"):
        read_csv(written(tmp_path, b"\xff"), encoding="utf-16")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\x03\x04", "workbook"),
        (b"\xd0\xcf\x11\xe0", "old Excel"),
        (b"PAR1", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (b"SQLite format 3\0", "journal"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"(\xb5/\xfd", "Zstandard"),
        (b"\x7fELF\0\1\2\3\0", "bytes that are zero"),
    ],
)
@pytest.mark.parametrize("read", [read_csv, read_json, read_numbers])
def test_files_of_another_kind_are_named(tmp_path: Path, head: bytes, kind: str, read: Callable[..., Any]) -> None:
    """By what they are, and never by their bytes."""
    path = written(tmp_path, head + bytes(range(200, 256)))
    with pytest.raises(ConfigurationError, match=kind) as caught:
        read(path)
    assert str(caught.value).isprintable()


def test_compressed_files_are_read_through(tmp_path: Path) -> None:
    """With gzip; a file that is cut off is refused."""
    compressed = gzip.compress(f"number,name\n{ANN},Ann\n".encode())
    file = read_contacts(written(tmp_path, compressed, "c.csv.gz"))
    assert [contact["name"] for contact in parts(file)[0]] == ["Ann"]
    assert file.found == ("UTF-8", "compressed with gzip", "columns separated by commas")
    for damaged in (compressed[:-5], compressed[:12] + b"\xff" * 20):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_csv(written(tmp_path, damaged))
    assert read_numbers(written(tmp_path, gzip.compress(f"{ANN}\n".encode()))) == {ANN}


@pytest.mark.parametrize("read", [read_csv, read_json, read_json_lines, read_parquet, read_xlsx, read_numbers])
def test_a_pipe_is_not_waited_for(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """A file is read more than once, and a pipe without a writer would hold the program for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="pipe cannot be read: it is not a regular file"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("read", [read_csv, read_json, read_parquet, read_xlsx, read_numbers, read_contacts])
def test_a_file_that_is_not_there(tmp_path: Path, read: Callable[..., Any]) -> None:
    """Is named, and so is the reason; a folder is no file either."""
    with pytest.raises(ConfigurationError, match="none cannot be read: No such file"):
        read(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path)


def test_a_file_that_changes(tmp_path: Path) -> None:
    """Between the naming and the reading, it is the same error."""
    path = written(tmp_path, f"number\n{ANN}\n")
    file = read_csv(path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(file)
    written(tmp_path, f'number\n{ANN}\n"')
    with pytest.raises(ConfigurationError, match="line 3: a quotation mark"):
        list(file)
    written(tmp_path, b"number\n\xff\n")
    with pytest.raises(ConfigurationError, match=r"c\.csv"):
        list(file)


def test_several_numbers_of_a_contact(tmp_path: Path) -> None:
    """Are in the order of their columns; one that is empty is left out, and one that is wrong breaks the row."""
    text = f"name,mobile,home\nAnn,{ANN},{BO}\nBo,,{BO}\nCy,{CY},{CY}\nDi,,\nEd,{ANN},nobody\n"
    contacts, broken = parts(read_csv(written(tmp_path, text), number=["mobile", "home"]))
    assert [contact.numbers for contact in contacts] == [(ANN, BO), (BO,), (CY,)]
    assert contacts[0].number == ANN
    assert [row.line for row in broken] == [5, 6]
    assert broken[0].problem == "mobile and home are empty"
    assert broken[1].problem.startswith("home holds letters")


def test_national_numbers_and_premium_rates_by_option(tmp_path: Path) -> None:
    """Each reader takes the country, and whether premium-rate numbers are called."""
    path = written(tmp_path, "number\n070-000 00 01\n+1 900 555 0123\n")
    assert [len(part) for part in parts(read_csv(path))] == [0, 2]
    assert [len(part) for part in parts(read_csv(path, country="SE"))] == [1, 1]
    assert [len(part) for part in parts(read_csv(path, country="SE", allow_premium=True))] == [2, 0]
    assert read_numbers(written(tmp_path, "070-000 00 01\n"), country="SE") == {ANN}


def test_a_zone_that_is_none_breaks_its_row(tmp_path: Path) -> None:
    """And is what the message is about."""
    text = f"number,tz\n{ANN},europe/stockholm\n{BO},Mars\n"
    contacts, broken = parts(read_csv(written(tmp_path, text), zone="tz"))
    assert contacts[0].zone == "Europe/Stockholm"
    assert broken[0].problem.startswith("zone 'Mars' is not a time zone")


def test_json_lines(tmp_path: Path) -> None:
    """An object on each line; values stay what they are, and numbers that are numbers need a country."""
    lines = [
        '\ufeff{"number": "+46700000001", "name": "Ann", "visits": 3}',
        "",
        '{"number": 46700000002, "where": "Asia/Tokyo"}',
        "{",
        "[1]",
        '{"number": true}',
        '{"name": "Bo"}',
        '{"number": "+46700000003", "number": "+46700000004"}',
        '{"number": NaN}',
        '{"number": 46700000005.0}',
        '{"number": 4.5}',
        '{"number": 4e300}',
        "[" * 100_000,
    ]
    path = written(tmp_path, "\n".join(lines), "x.jsonl")
    for read in (read_json_lines, read_contacts):
        contacts, broken = parts(read(path, zone="where"))
        assert [contact.number for contact in contacts] == [ANN]
        assert contacts[0]["visits"] == 3
        assert [row.line for row in broken] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
        assert "the cell holds a number, not text" in broken[0].problem
        assert "comes twice" in broken[5].problem
        assert "floating-point" in broken[7].problem
    contacts, broken = parts(read_json(path, zone="where", country="SE"))
    assert [(contact.number, contact.zone) for contact in contacts][1:] == [(BO, "Asia/Tokyo"), ("+46700000005", None)]


def test_a_json_array(tmp_path: Path) -> None:
    """Its items are counted; what is no array of objects, or no JSON, is refused."""
    rows = [{"number": ANN}, 7, {"number": BO}]
    for text in (json.dumps(rows), json.dumps(rows, indent=2)):
        path = written(tmp_path, text, "x.json")
        if "\n" in text:
            file = read_contacts(path)
            contacts, broken = parts(file)
            assert [contact.line for contact in contacts] == [1, 3]
            assert broken == [BrokenRow(2, "is not a JSON object")]
            assert file.found[1] == "a JSON array"
    for text in ('[\n{"number": 1}', "[\n1\n]]"):
        with pytest.raises(ConfigurationError, match="not valid JSON"):
            read_json(written(tmp_path, text, "x.json"))


def test_a_field_that_no_object_has_is_misspelt(tmp_path: Path) -> None:
    """One error names the fields that there are; a file of other lines only is left to its rows."""
    for name, text in (("x.jsonl", '{"Mobil": "+46700000001"}\n[1]\n'), ("x.json", '[{"Mobil": "+46700000001"}]')):
        with pytest.raises(ConfigurationError, match="no column 'number'; it has Mobil: pass number='Mobil'"):
            read_json(written(tmp_path, text, name))
    assert parts(read_json(written(tmp_path, "[1, 2]", "x.json")))[1][0].problem == "is not a JSON object"
    many = "\n".join(['{"number": "+46700000001"}'] * 1500 + ['{"number": "+46700000002", "late": 1}'])
    file = read_json(written(tmp_path, many, "x.jsonl"))
    assert (file.columns, len([*file])) == (None, 1501)


def test_an_array_on_one_line(tmp_path: Path) -> None:
    """Is an array too."""
    contacts, _ = parts(read_json(written(tmp_path, json.dumps([{"number": ANN}, {"number": BO}]))))
    assert [contact.number for contact in contacts] == [ANN, BO]


@pytest.mark.parametrize("kind", ["float16", "float32"])
@pytest.mark.parametrize("country", [None, "SE"])
def test_parquet_of_floats_that_lost_digits(tmp_path: Path, kind: str, country: str | None) -> None:
    """Single precision makes another whole number of a telephone number: a stranger's."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    cells = pyarrow.array([46700000001.0]).cast(getattr(pyarrow, kind)(), safe=False)
    parquet.write_table(pyarrow.table({"number": cells}), tmp_path / "x.parquet")
    with pytest.raises(ConfigurationError, match="keeps 7 digits"):
        read_parquet(tmp_path / "x.parquet", country=country)


def test_parquet(tmp_path: Path) -> None:
    """Row by row, with dates and exact numbers as text; a row without a number is broken."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "number": [ANN, None],
        "born": [date(1999, 12, 31), None],
        "owed": [Decimal("12.50"), None],
        "visits": [3, None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    contacts, broken = parts(read_contacts(tmp_path / "x.parquet"))
    assert dict(contacts[0].fields) == {"number": ANN, "born": "1999-12-31", "owed": "12.50", "visits": 3}
    assert broken == [BrokenRow(2, "number is empty")]
    with pytest.raises(ConfigurationError, match="no column 'phone'"):
        read_parquet(tmp_path / "x.parquet", number="phone")
    columns = {"number": pyarrow.array([46700000001.0, None, 4.5, float("nan")]), "x": [float("nan"), 1.5, 2.0, 0.0]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    file = read_parquet(tmp_path / "x.parquet")
    contacts, broken = parts(file)
    assert contacts == []
    assert "floating-point" in broken[0].problem
    assert [row.line for row in broken] == [1, 2, 3, 4]
    assert file.found == ("Parquet", "column number holds double")
    exact = {"number": [Decimal(46700000001), Decimal("4.5")]}
    parquet.write_table(pyarrow.table(exact), tmp_path / "exact.parquet")
    _, broken = parts(read_parquet(tmp_path / "exact.parquet"))
    assert all("the cell holds a decimal number, not text" in row.problem for row in broken)
    contacts, broken = parts(read_parquet(tmp_path / "x.parquet", country="SE"))
    assert [(contact.number, contact["x"]) for contact in contacts] == [(ANN, None)]


def test_parquet_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of that name, and an extra that is not installed."""
    (tmp_path / "x.parquet").write_text("number\n" * 100)
    with pytest.raises(ConfigurationError, match="not a Parquet file"):
        read_parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[parquet\]"):
        read_parquet(tmp_path / "x.parquet")


def workbook(path: Path) -> Path:
    """Write a workbook with what spreadsheets do to numbers, and a hidden sheet before it."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Old"
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("Contacts")
    rows = [
        (None, "number", "name", None, "visits"),
        (None, ANN, "Ann", None, 3),
        (None, None, None, None, None),
        (None, 46700000002, "Bo", None, 1.5),
        (None, date(2026, 11, 26), "Cy", None, None),
        (None, CY, "Di", "nameless", None),
        (None, True, "Ed", None, None),
    ]
    for row in rows:
        sheet.append(row)
    book.create_sheet("Empty")
    book.save(path)
    return path


def test_a_workbook(tmp_path: Path) -> None:
    """Its first visible sheet, with the numbers of its rows; whole numbers are whole, and dates are text."""
    pytest.importorskip("python_calamine")
    path = workbook(tmp_path / "c.xlsx")
    file = read_contacts(path)
    contacts, broken = parts(file)
    assert [(contact.number, contact.line, contact["visits"]) for contact in contacts] == [(ANN, 2, 3)]
    assert isinstance(contacts[0]["visits"], int)
    assert [row.line for row in broken] == [4, 5, 6, 7]
    for row, problem in zip(broken, ["a number, not text", "date", "no name", "must be a str, not bool"], strict=True):
        assert problem in row.problem
    assert broken[2].fields["name"] == "Di"
    assert file.found == ("sheet 'Contacts' of 3",)
    contacts, _ = parts(read_xlsx(path, country="SE"))
    assert [contact.number for contact in contacts] == [ANN, BO]
    with pytest.raises(ConfigurationError, match="no sheet 'Nowhere'; it has Old, Contacts, Empty"):
        read_xlsx(path, sheet="Nowhere")
    with pytest.raises(ConfigurationError, match="no columns"):
        read_xlsx(path, sheet="Empty")


def test_a_workbook_whose_numbers_are_errors_or_formulas(tmp_path: Path) -> None:
    """Neither has a value for who reads the file, and the row says so."""
    pytest.importorskip("python_calamine")
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("number", "name"), ("#N/A", "Ann"), ('="+46"&"700000002"', "Bo"), (None, "Cy")]:
        book.active.append(row)
    book.save(tmp_path / "c.xlsx")
    _, broken = parts(read_contacts(tmp_path / "c.xlsx"))
    assert broken == [
        BrokenRow(line, "number is empty, an error, or a formula without a result", row.fields)
        for line, row in enumerate(broken, 2)
    ]
    assert len(broken) == 3


def test_a_workbook_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of that name, one whose sheets are all hidden, and an extra that is not installed."""
    calamine = pytest.importorskip("python_calamine")
    with pytest.raises(ConfigurationError, match="not a workbook that can be read") as caught:
        read_contacts(written(tmp_path, "number\n", "c.xlsx"))
    assert str(caught.value).isprintable()

    class Hidden:
        sheet_names = ("a",)
        sheets_metadata = ()

    path = workbook(tmp_path / "c.xlsx")
    with monkeypatch.context() as patch:
        patch.setattr(calamine, "load_workbook", lambda path: Hidden())
        with pytest.raises(ConfigurationError, match="no sheet that is visible"):
            read_xlsx(path)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[xlsx\]; or save it as CSV|\[xlsx\]"):
        read_xlsx(path)


def test_a_do_not_call_list(tmp_path: Path) -> None:
    """A number on each line, in any certain spelling, with comments; premium-rate numbers may be barred."""
    text = "# asked us not to\n+46 70 000 00 01\n#\n\n0046700000002  # twice\n+1 900 555 0123\t#\n"
    assert read_numbers(written(tmp_path, text)) == {ANN, BO, "+19005550123"}


@pytest.mark.parametrize(
    "line", ["0701234567", "46700000113.0", "number", f"{ANN}, {BO}", f"{ANN}#5", "#N/A", "#REF!", "#x"]
)
def test_a_do_not_call_list_fails_closed(tmp_path: Path, line: str) -> None:
    """One line that cannot be read with certainty refuses the list, by its line."""
    with pytest.raises(ConfigurationError, match="line 2: number"):
        read_numbers(written(tmp_path, f"{ANN}\n{line}\n{BO}\n"))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([ANN, BO, "nobody", "0701"]), st.text(st.characters(exclude_categories=["Cs", "Cc"]))
        ),
        max_size=8,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    """What a CSV writer writes is read back: a contact or a broken row for each, in their order."""
    path = tmp_path_factory.mktemp("law") / "c.csv"
    import csv

    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([("number", "name"), *rows])
    found = [*read_csv(path)]
    assert len(found) == len(rows)
    for (number, name), row in zip(rows, found, strict=True):
        assert isinstance(row, Contact) == number.startswith("+")
        if isinstance(row, Contact):
            assert (row.number, row["name"]) == (number, name)


@pytest.mark.parametrize("path", ["", "a\0b", None, 5, b"contacts.csv"])
@pytest.mark.parametrize("reader", [read_csv, read_json, read_parquet, read_xlsx, read_contacts, read_numbers])
def test_what_is_not_a_path(reader: Callable[[Any], object], path: object) -> None:
    """One clear error, by the name of the argument."""
    with pytest.raises(ConfigurationError, match="path must be a path"):
        reader(path)


@pytest.mark.parametrize("country", [None, "SE"])
@pytest.mark.parametrize(
    "written", ["4.67e10", "4.67E+10", "46.7e9", "7e8", "700000001e0", "1e400", "700000001.00000000000001", "0.7e9"]
)
def test_json_numbers_that_may_have_lost_digits(tmp_path: Path, written: str, country: str | None) -> None:
    """An exponent rounds a number to that of a stranger, as a spreadsheet does; other fields keep their floats."""
    for name, text in (("a.json", '[{{"number": {0}, "sum": {0}}}]'), ("a.jsonl", '{{"number": {0}, "sum": {0}}}\n')):
        path = tmp_path / name
        path.write_text(text.format(written))
        (row,) = read_contacts(path, country=country)
        assert isinstance(row, BrokenRow)
        assert "exponent or decimals" in row.problem
        path.write_text(text.format("0").replace("0", '"+46700000001"', 1).replace(": 0", f": {written}"))
        (contact,) = read_contacts(path)
        assert isinstance(contact, Contact)
        assert contact["sum"] == float(written)
