"""The one reader of telephone numbers: what is accepted has exactly one reading."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sinch_voice_async import Destination, InvalidRequestError, TtsCallout, svaml
from sinch_voice_async.models.destinations import read_dialable, read_international, visible

SEPARATORS = st.sampled_from(["", " ", "-", " - ", "\u00a0", "\u2011", "  "])


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+46700000001", "+46700000001"),
        ("0046 70 000 00 01", "+46700000001"),
        ("+ 46 70-000 00 01", "+46700000001"),
        ("(+46) 70 000 00 01", "+46700000001"),
        ("(0046)(0)70 000 00 01", "+46700000001"),
        ("+46 (0)70 000 00 01", "+46700000001"),
        ("+46 (70) 000-0001", "+46700000001"),
        ("'+46\u00a070\u2011000\u202f00 01", "+46700000001"),
        ("+1 (201) 555-0123", "+12015550123"),
        ("+33.1.23.45.67.89", "+33123456789"),
        ("+39 (06) 123 4567", "+39061234567"),
        ("  +46700000001\u00a0", "+46700000001"),
    ],
)
def test_a_number_with_its_country_is_read(written: str, number: str) -> None:
    """Separators, the international prefix and a trunk zero in brackets leave one number."""
    assert read_international(written) == number
    assert read_dialable(written, "number") == number


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("46700000113.0", "decimals"),
        ("+46700000113.00", "decimals"),
        ("46700000113,0", "decimals"),
        ("4.67E+10", "exponent"),
        ("46700000113e0", "exponent"),
        ("0701234567", "begins with 0"),
        ("+0701234567", "no country code"),
        ("00 0 46 70", "no country code|begins with 0"),
        ("+1 201 555 0123 12", "needs 10"),
        ("+46 70 000 00 01 x12", "extension"),
        ("+46 70 000 00 01 #12", "extension"),
        ("+46 70 000 00 01 (12)", "brackets"),
        ("+46 8 (123) 456", "brackets"),
        ("(46) 70 000 00 01", "country|area code"),
        ("(+0) 70 000 00 01", "brackets|no country"),
        ("(+468) 12 34 56", "brackets around"),
        ("+46 (070) 000 00 01", "inside an area code"),
        ("+39 (0)6 123 4567", r"\(0\) behind"),
        ("+46700000003/04", "two numbers"),
        ("+46700000003, +46700000004", "two numbers"),
        ("+46700000003 +46700000004", "plus inside"),
        ("++46700000003", "plus inside"),
        ("26.11.2026", "date"),
        ("2026-11-26", "date"),
        ("11/26/2026", "two numbers"),
        ("+46 70 000.00 01", "dots"),
        ("\u202a+46700000001\u202c", r"U\+202A LEFT-TO-RIGHT"),
        ("+467\u200b00000001", r"U\+200B ZERO WIDTH SPACE"),
        ("+467\x0000000001", r"U\+0000 a control character"),
        ("\uff0b46700000001", r"U\+FF0B FULLWIDTH PLUS"),
        ("+46\u0667\u0660", r"U\+0667 ARABIC-INDIC"),
        ("+46 70\u2013000 00 01", r"U\+2013 EN DASH"),
        ("+46700000001\n", r"U\+000A"),
        ("+46 0 70 000 00 01", "within the country only"),
        ("0046 070 000 00 01", "within the country only"),
        ("#N/A", "error of a spreadsheet"),
        ("#REF!", "error of a spreadsheet"),
        ("+46 70\t000 00 01", r"U\+0009"),
        ("nobody", "letters .*xxxxxx"),
        ("tel:+46700000001", "begins with 'tel:'"),
        ("Tel: +46 70 000 00 01", "begins with 'tel:'"),
        ("+46*70", r"holds '\*'"),
        ("+46--70 000 00 01", "groups"),
        ("-46700000001", "groups"),
        ("+1234", "4 digits"),
        ("+" + "1" * 16, "16 digits"),
        ("+46" + " 7" * 30, "too long"),
        ("", "empty"),
        (" ", "empty"),
        (46700000001, "must be a str, not int"),
        (46700000001.0, "not float"),
        (None, "NoneType"),
    ],
)
def test_what_has_another_reading_is_refused(written: object, problem: str) -> None:
    """The message says why, shows the form with its digits masked, and names what would be accepted."""
    for read in (read_international, read_dialable):
        with pytest.raises(InvalidRequestError, match=problem) as caught:
            read(written, "number")
        assert caught.value.field == "number"
        assert "E.164" in str(caught.value)
        assert str(caught.value).isprintable()
        assert not re.search(r"[0-9]{5}", re.sub(r"U\+\w{4}|\\u\w{4}", "", str(caught.value)))


def test_digits_without_a_plus_are_for_requests_alone() -> None:
    """The platform's own samples leave the plus out; in a list of contacts such digits may be national."""
    for written, endpoint in (("46700000001", "46700000001"), ("46 (0)70 000 00 01", "46700000001"), ("12345",) * 2):
        assert Destination.number(written).endpoint == endpoint
        with pytest.raises(InvalidRequestError, match=r"names no country.*country="):
            read_international(written)
    for written in ("(201) 555-0123", "070 123 45 67", "0 70"):
        with pytest.raises(InvalidRequestError, match="only its own country"):
            Destination.number(written)


def test_every_request_reads_numbers_in_one_way() -> None:
    """Callouts, destinations and SVAML leave separators out, and refuse a leading zero."""
    written, number = "+46 (0)70-000 00 01", "+46700000001"
    assert TtsCallout(destination=written, text="x").destination.endpoint == number
    assert TtsCallout(destination=Destination(type="number", endpoint=written), text="x").destination.endpoint == number
    assert svaml.ConnectPstn(written).number == number
    assert Destination.number("+46\u00a0700000001").endpoint == number
    assert Destination.number("+39 06 123 4567").endpoint == "+39061234567"
    assert TtsCallout(destination=number, text="x", cli="+46\u00a0(0)70 000 00 01").cli == number
    assert svaml.ConnectPstn(number, cli="0046 70 000 00 01").cli == number
    for name in ("private", "Bo", "0701234567", "+46 Bo"):
        assert TtsCallout(destination=number, text="x", cli=name).cli == name
        assert svaml.ConnectPstn(number, cli=name).cli == name
    for make in (
        lambda: TtsCallout(destination="0701234567", text="x"),
        lambda: svaml.ConnectPstn("0701234567"),
        lambda: Destination.number("0701234567"),
    ):
        with pytest.raises(InvalidRequestError, match="begins with 0"):
            make()


def test_a_document_keeps_its_own_spelling() -> None:
    """What others wrote is read as it stands."""
    document = svaml.loads('{"action": {"name": "connectPstn", "number": "+46 (0)70 123"}}')
    assert isinstance(document.action, svaml.ConnectPstn)
    assert document.action.number == "+46 (0)70 123"


@given(
    st.text("0123456789", min_size=3, max_size=12).map("467".__add__), st.lists(SEPARATORS, min_size=15, max_size=15)
)
def test_separators_never_change_the_digits(digits: str, separators: list[str]) -> None:
    """However a number is grouped, it is the digits that were written."""
    groups = [digits[:2], *(digits[place : place + 2] for place in range(2, len(digits), 2))]
    written = "+" + "".join(group + separator for group, separator in zip(groups, separators, strict=False)).rstrip(
        " -\u00a0\u2011"
    )
    assert read_international(written) == f"+{digits}"


CHARACTERS = "0123456789+-.,/()eExX #'\u00a0\u202a\u0660"


@given(
    st.text(st.sampled_from(CHARACTERS), max_size=24)
    | st.lists(
        st.sampled_from(["0", "00", "(0)", "( 0 )", "46", "70", "123", "45 67", " ", "-", "(8)", *CHARACTERS]),
        max_size=12,
    ).map(lambda parts: "+" + "".join(parts))
)
@example("+46 (0)70-123 45 67")
@example("0046 70 123 45 67")
def test_what_is_accepted_has_one_reading(written: str) -> None:
    """An accepted text holds the digits of its number in order, less an international prefix or a (0), and no more."""
    try:
        number = read_international(written)
    except InvalidRequestError as refused:
        assert str(refused).isprintable()
        return
    digits = re.sub("[^0-9]", "", written)
    assert re.fullmatch(r"\+[1-9][0-9]{4,14}", number)
    assert number[1:] in {digits, digits.removeprefix("00"), _less_trunk_zero(written)}
    assert "00" in written[:5] or "+" in written
    assert not set(written) & set(",/eExX#\u202a\u0660")
    assert read_international(number) == number


def _less_trunk_zero(written: str) -> str:
    return re.sub("[^0-9]", "", re.sub(r"\( ?0 ?\)", "", written, count=1)).removeprefix("00")


def test_what_is_seen_is_shown_without_its_digits() -> None:
    """All digits but the last two are masked, and what is invisible has its code point."""
    assert visible("+46 70 000 00 01") == "+** ** *** ** 01"
    assert visible("\u202a\x1b[2J") == "\\u202a\\u001b[2J"
    assert visible("Ann x12 nobody") == "Ann x12 xxxxxx"
    assert visible("x " * 50) == "x " * 20 + "..."


@pytest.mark.parametrize("written", ["+460701234567", "460701234567", "+4401632960000", "+46 0701234567"])
def test_a_trunk_zero_is_not_dialled_from_abroad(written: str) -> None:
    """In requests too, however the digits are grouped."""
    with pytest.raises(InvalidRequestError, match=r"has a 0 behind \+4[46]"):
        read_dialable(written, "destination")


@pytest.mark.parametrize("written", ["46000000001", "+390612345678", "+22501234567", "+4702800"])
def test_a_zero_that_is_dialled_stays(written: str) -> None:
    """Some countries dial it, and the platform's samples have numbers of zeros."""
    assert read_dialable(written, "destination") == written
