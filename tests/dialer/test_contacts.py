"""Contacts: one spelling of a number, and nothing shown that is private."""

import copy
import pickle
import sys
from functools import partial
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError, InvalidRequestError
from sinch_voice_async.dialer import Campaign, Contact, DoNotCallFile, OptOutList, SharedCap, contacts, read_csv
from sinch_voice_async.dialer.contacts import number_type, read_number


@pytest.mark.parametrize(
    "written",
    ["+46700000001", "0046700000001", "+46 70 000 00 01", "+46 (0)70 000-0001", "'+46700000001", "+46.70.000.00.01"],
)
def test_a_number_has_one_spelling(written: str) -> None:
    """Separators do not make another contact, and neither does the spelling of the prefix."""
    assert Contact(written).number == "+46700000001"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("46700000001", "names no country"),
        ("0700000001", "begins with 0"),
        ("+999123456789", r"begins with \+999, which is not a country code"),
        ("+46 112", "no telephone there has"),
        ("+46 70 000 00 01 12", "11 digits behind"),
        ("+46 707 000 000 001", "12 digits behind"),
        ("+46 070 000 00 01", "within the country only"),
        ("+460700000001", "never begins with 0"),
        ("+1 900 555 0123", "premium-rate"),
        ("+46 944 123 45 67", "premium-rate"),
        ("+1 201 555 012", "needs 10"),
        ("+4.67E+10", "exponent"),
        ("Ann", "letters"),
        (None, "must be a str"),
        (5, "must be a str"),
    ],
)
def test_what_is_no_number_is_refused(written: object, problem: str) -> None:
    """What its country cannot have among them."""
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        Contact(written)  # type: ignore[arg-type]
    assert caught.value.field == "number"


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("070-000 00 01", "SE", "+46700000001"),
        ("(0)70-000 00 01", "se", "+46700000001"),
        ("700000001", "SE", "+46700000001"),
        ("46700000001", "SE", "+46700000001"),
        ("+49 30 1234567", "SE", "+49301234567"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("12015550123", "US", "+12015550123"),
        ("201.555.0123", "US", "+12015550123"),
        ("0 (20) 7946 0018", "GB", "+442079460018"),
        ("44 (0)20 7946 0018", "GB", "+442079460018"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("01.23.45.67.89", "FR", "+33123456789"),
        ("91234567", "NO", "+4791234567"),
    ],
)
def test_national_forms_need_a_country(written: str, country: str, number: str) -> None:
    """With one, the number is read as its country writes it; without, only what begins with + or 00."""
    assert Contact(written, country=country).number == number
    if not written.startswith("+"):
        with pytest.raises(InvalidRequestError, match="country"):
            Contact(written)


@pytest.mark.parametrize(
    ("written", "country", "problem"),
    [
        ("112", "SE", "emergency number"),
        ("911", "US", "emergency number"),
        ("12345", "SE", "not a number of SE"),
        ("26.11.2026", "FR", "date"),
        ("46700000001.0", "SE", "decimals"),
        ("(201) 555-0123 12", "US", "not a number of US"),
        ("100000000", "SE", "not a number of SE"),
        ("0011", "SE", "no telephone there"),
        ("(0)70", "SE", "not a number of SE"),
        ("20100000000000", "DE", "not a number of DE"),
    ],
)
def test_a_country_does_not_make_a_number_certain(written: str, country: str, problem: str) -> None:
    """What is not one of its numbers is refused all the same."""
    with pytest.raises(InvalidRequestError, match=problem):
        Contact(written, country=country)


def test_two_readings_are_none() -> None:
    """Digits that are a number of the country with and without its code are not guessed."""
    assert phonenumbers.is_valid_number(phonenumbers.parse("+46 461631364"))
    assert phonenumbers.is_valid_number(phonenumbers.parse("+46 1631364"))
    with pytest.raises(InvalidRequestError, match="with or without its country code"):
        Contact("461631364", country="SE")
    assert Contact("3923456789", country="IT").number == "+393923456789"


@pytest.mark.parametrize(
    ("country", "hint"), [("Sweden", "did you mean SE"), ("uk", "did you mean GB"), ("46", "two letters"), (46, "two")]
)
def test_a_country_that_is_none(country: object, hint: str) -> None:
    """It is an error of the campaign, and not of a row."""
    with pytest.raises(ConfigurationError, match=hint):
        Contact("+46700000001", country=country)  # type: ignore[arg-type]


def test_premium_rate_numbers_are_called_if_allowed() -> None:
    """The type of a number says what it is."""
    assert Contact("+1 900 555 0123", allow_premium=True).number == "+19005550123"
    assert number_type("+19005550123") == "premium_rate"
    assert number_type("+46700000001") == "mobile"
    assert number_type("+999") is None
    assert number_type("+4670000000") is None


@given(st.integers(1, 999), st.text("0123456789", min_size=3, max_size=13))
def test_what_is_accepted_is_possible(code: int, rest: str) -> None:
    """No number is accepted that phonenumbers calls impossible, and none is changed."""
    number = f"+{code}{rest}"
    assume(5 <= len(number) - 1 <= 15)
    try:
        assert read_number(number, allow_premium=True) == number
    except InvalidRequestError:
        return
    parsed = phonenumbers.parse(number)
    assert phonenumbers.is_possible_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


@given(
    st.sampled_from(["SE", "US", "GB", "DE", "FR", "IT", "NO", "BR", "RU", "JP"]),
    st.text(st.sampled_from("0123456789 -.()"), max_size=16),
)
@example("SE", "070-123 45 67")
@example("US", "(201) 555-0123")
def test_a_national_number_has_one_reading(country: str, written: str) -> None:
    """What is accepted is one number of that country, or says its own country with 00."""
    try:
        number = read_number(written, country=country, allow_premium=True)
    except InvalidRequestError:
        return
    code = phonenumbers.country_code_for_region(country)
    assert written.strip().startswith(("00", "(00")) or number.startswith(f"+{code}")
    digits = "".join(filter(str.isdigit, written))
    assert digits.endswith(number[-5:])
    assert read_number(number) == number


COUNTRIES: list[Any] = [True, 46, b"SE", ["SE"], {}, "", "Sweden", "\ud800"]


@pytest.mark.parametrize("country", COUNTRIES, ids=range(len(COUNTRIES)))
def test_a_country_is_two_letters(country: Any, tmp_path: Path) -> None:
    """Anything else is refused by one error at every entry point, whether it can be a key of a cache or not."""
    (tmp_path / "list.txt").write_text("0701234567\n", encoding="utf-8")
    for use in (
        lambda: Contact("0701234567", country=country),
        lambda: contacts.read_numbers(tmp_path / "list.txt", country=country),
        lambda: DoNotCallFile(tmp_path / "list.txt", country=country),
        lambda: read_csv("contacts.csv", country=country),
        lambda: Campaign("c", journal=tmp_path / "c.sqlite", country=country),
    ):
        with pytest.raises(ConfigurationError, match="country must be two letters"):
            use()


@pytest.mark.parametrize("path", [True, 5, b"list", "", "a\0b", "half of a pair: \ud800", ["list"]], ids=range(7))
def test_a_path_has_one_meaning(path: Any) -> None:
    """What no file system takes as a name is refused by one error, wherever the dialer takes a file."""
    for use in (contacts.read_numbers, DoNotCallFile, OptOutList, read_csv, partial(SharedCap, attempts=1, days=1)):
        with pytest.raises(ConfigurationError, match="path must be a path"):
            use(path)


@pytest.mark.parametrize("numbers", [True, 5, "+46700000001", b"+46700000001"], ids=range(4))
def test_several_numbers_are_a_list(numbers: Any) -> None:
    """One text is refused, and so is a value that holds nothing."""
    with pytest.raises(InvalidRequestError, match="numbers must be a list"):
        Contact(numbers=numbers)


@pytest.mark.parametrize("number", [True, 5, [], [5], ""], ids=range(5))
def test_a_column_is_named(number: Any) -> None:
    """A file has no other columns."""
    with pytest.raises(ConfigurationError, match="number must be the name of a column"):
        read_csv("contacts.csv", number=number)


def test_without_the_tables_only_the_form_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers with their country are read; national forms and types say which extra they need."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    contacts.tables.cache_clear()
    contacts._known_country.cache_clear()
    try:
        assert Contact("+46 (0)70 000 00 01").number == "+46700000001"
        with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[dialer\]"):
            Contact("0701234567", country="SE")
        with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[dialer\]"):
            number_type("+46700000001")
    finally:
        contacts.tables.cache_clear()
        contacts._known_country.cache_clear()


@pytest.mark.parametrize("zone", ["europe/stockholm", " Europe/Stockholm", "EUROPE/STOCKHOLM"])
def test_a_zone_is_found_in_any_case(zone: str) -> None:
    """It is spelled as its database does."""
    assert Contact("+46700000001", zone=zone).zone == "Europe/Stockholm"


@pytest.mark.parametrize(
    ("zone", "problem"),
    [
        ("Europe/Stokholm", "did you mean Europe/Stockholm"),
        ("\x1b", "such as"),
        (3, "must be a str"),
        ("", "not a time"),
    ],
)
def test_a_zone_that_is_none(zone: object, problem: str) -> None:
    """The message is about the zone, and not about the number."""
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        Contact("+46700000001", zone=zone)  # type: ignore[arg-type]
    assert caught.value.field == "zone"
    assert str(caught.value).isprintable()


def test_a_zone_that_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system knows and does not list is taken as it is."""
    monkeypatch.setattr("sinch_voice_async.dialer.contacts._zones", dict)
    assert Contact("+46700000001", zone="Europe/Stockholm").zone == "Europe/Stockholm"


def test_fields_are_read_by_column() -> None:
    """A column that is missing is one of our errors, by its name."""
    contact = Contact("+46700000001", fields={"name": "Ann"})
    assert (contact["name"], contact.get("name"), contact.get("age", 7)) == ("Ann", "Ann", 7)
    with pytest.raises(InvalidRequestError, match="no field 'age'") as caught:
        contact["age"]
    assert caught.value.field == "age"


def test_a_contact_shows_nothing_private() -> None:
    """Neither the number nor its fields are in a repr."""
    shown = repr(Contact("+46700000001", fields={"name": "Ann"}))
    assert "4670000" not in shown
    assert "Ann" not in shown


def test_several_numbers_are_one_contact() -> None:
    """The first is the number; one that comes twice is one, and a text is not a list."""
    contact = Contact(numbers=["+46 70 000 00 01", "+46700000002", "0046700000001"])
    assert (contact.number, contact.numbers) == ("+46700000001", ("+46700000001", "+46700000002"))
    assert Contact("+46700000003", numbers=["+46700000002"]).numbers == ("+46700000003", "+46700000002")
    assert Contact("+46700000003").numbers == ("+46700000003",)
    assert "4670000" not in repr(contact)
    with pytest.raises(InvalidRequestError, match="a list of telephone numbers"):
        Contact(numbers="+46700000001")
    with pytest.raises(InvalidRequestError, match="must be a str"):
        Contact()


def test_a_contact_travels() -> None:
    """It is copied and pickled whole, and is a value."""
    contact = Contact("+46700000001", fields={"name": "Ann"}, zone="Europe/Stockholm")
    assert pickle.loads(pickle.dumps(contact)) == contact
    assert copy.deepcopy(contact) == contact
    assert len({contact, copy.copy(contact)}) == 1


def test_a_premium_area_is_premium_whatever_follows() -> None:
    """+1 900 123 4567 is in no table, and would cost what every number of that area costs."""
    with pytest.raises(InvalidRequestError, match="premium-rate"):
        Contact("+1 900 123 4567")


@pytest.mark.parametrize("written", ["20261127", "27112026", "19991231"])
def test_a_date_without_separators_is_not_a_national_number(written: str) -> None:
    """Where national numbers have a trunk prefix, digits without it that read as a date are refused."""
    with pytest.raises(InvalidRequestError, match="looks like a date"):
        Contact(written, country="SE")


def test_digits_of_a_country_without_trunk_prefix_are_its_numbers() -> None:
    """In Denmark every number is written like that."""
    assert Contact("20261127", country="DK").number == "+4520261127"
