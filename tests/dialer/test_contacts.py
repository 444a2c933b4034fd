"""Contacts: one spelling of a number, and nothing shown that is private."""

import copy
import pickle

import pytest

from sinch_voice_async import InvalidRequestError
from sinch_voice_async.dialer import Contact


@pytest.mark.parametrize(
    "written",
    ["+46700000001", "46700000001", "+46 70 000 00 01", "+46 (70) 000-00.01", "'+46700000001", "+46\u00a070/0000001"],
)
def test_a_number_has_one_spelling(written: str) -> None:
    """Separators do not make another contact, and neither does a plus that is missing."""
    assert Contact(written).number == "+46700000001"


@pytest.mark.parametrize(
    "written", ["", "0700000001", "00467000000", "+1", "+4.67E+10", "Ann", "+" + "1" * 16, None, 5]
)
def test_what_is_no_number_is_refused(written: object) -> None:
    """A number that only one country can read among them; the message repeats none."""
    with pytest.raises(InvalidRequestError, match=r"E\.164") as caught:
        Contact(written)  # type: ignore[arg-type]
    assert "4.67" not in str(caught.value)


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


def test_a_contact_travels() -> None:
    """It is copied and pickled whole, and is a value."""
    contact = Contact("+46700000001", fields={"name": "Ann"}, zone="Europe/Stockholm")
    assert pickle.loads(pickle.dumps(contact)) == contact
    assert copy.deepcopy(contact) == contact
    assert len({contact, copy.copy(contact)}) == 1
