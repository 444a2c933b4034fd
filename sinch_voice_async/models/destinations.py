"""The ends of calls (a telephone number, a user of your app, a SIP address), and the one reader of numbers.

A number is read, never guessed. Two readings: :func:`read_international` takes a number that says its country
(``+46 70 …`` or ``0046 70 …``), for contacts and do-not-call lists; :func:`read_dialable` also takes digits without a
plus, as the platform's own samples write them, for requests to the platform. Both read separators alike, and both
refuse what has a second reading: decimals, exponents, dates, extensions, two numbers in a cell, invisible characters, a
leading zero.

A message shows the written form with its digits masked, and each character that cannot be seen by its code point.

Source: Calling API, Conference and Text-To-Speech Callouts.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal, NoReturn, TypeAlias

from attrs import evolve, field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.fields import masked, unknown_fields

__all__ = [
    "ADVICE",
    "DIALABLE",
    "Destination",
    "DestinationType",
    "Written",
    "checked",
    "country_code_of",
    "parse_written",
    "read_caller",
    "read_dialable",
    "read_international",
    "refuse_number",
    "visible",
]

_LONGEST: Final = 40
_SHOWN: Final = 40
DIALABLE: Final = re.compile(r"\+?[1-9][0-9]{4,14}")
"""A number that goes to the platform as it is written."""
_INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{4,14}")
_BLANK: Final = " \u00a0\u2007\u202f"
_SAME: Final = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys("\u2010\u2011\u2012", "-"))
_STRANGE: Final = re.compile(r"[^0-9+() .-]")
_PREFIX: Final = re.compile(r"\((?:\+|00) ?([1-9][0-9]{0,2})\) ?|(?:\+|00) ?(?=[1-9])")
_BRACKET: Final = re.compile(r"([0-9]*)(?: ?- ?| {1,3})?\( ?([0-9]{1,6}) ?\)(?: ?- ?| {1,3})?([0-9].*)")
_GROUPS: Final = re.compile(r"[0-9]+(?:(?: {1,3}| ?- ?)[0-9]+)*")
_ZERO_GROUP: Final = re.compile(r"([1-9][0-9]{0,2})[ -]+0")
_DOTTED: Final = re.compile(r"(?:\+|00)?[0-9]{1,4}(?:\.[0-9]{1,4})+\.[0-9]{2,4}")
_SEPARATED: Final = re.compile("[ ()-]")
_DATES: Final = (
    re.compile(r"(?:0?[1-9]|[12][0-9]|3[01])([-. ])(?:0?[1-9]|[12][0-9]|3[01])\1(?:(?:19|20)[0-9]{2}|[0-9]{2})"),
    re.compile(r"(?:19|20)[0-9]{2}([-. ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12][0-9]|3[01])"),
)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_SPREADSHEET_ERROR: Final = re.compile(r"#[A-Z/0]+[!?]?")
_EXTENSION: Final = re.compile(r"(?:ext|extension|x|anknytning|ankn|durchwahl|poste|tel)\b|x[0-9]|#", re.IGNORECASE)

# The assigned country codes of one and two digits; all others have three.
_SHORT_CODE: Final = re.compile("1|7|2[07]|3[0-469]|4[0-13-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")
# Where the zero is a part of the number, so that "(0)" behind the country code may mean either.
_ZERO_IS_DIALLED: Final = frozenset({"39", "225", "226", "227", "229", "241", "242", "378"})

# The country codes behind which some number begins with 0, by the tables of phonenumbers.
_ZERO_MAY_FOLLOW: Final = _ZERO_IS_DIALLED | {
    *("47", "247", "250", "267", "268", "501", "676", "679", "687", "800"),
    *("808", "853", "870", "878", "881", "882", "883", "888", "979", "992"),
}

_NATIONAL: Final = "begins with 0: only its own country can read it"
ADVICE: Final = "write it in E.164 form, such as +46 70 123 45 67"


@frozen
class Written:
    """A number as its writer meant it: its digits, and whether they begin with a country code."""

    digits: str
    is_international: bool


def read_international(written: object, field: str = "number") -> str:
    """Return a number as ``+`` and 5 to 15 digits.

    :raises InvalidRequestError: it does not begin with ``+`` or ``00``, or has no certain reading.
    """
    if isinstance(written, str) and _INTERNATIONAL.fullmatch(written):
        return written
    found = parse_written(written, field)
    if not found.is_international:
        problem = _NATIONAL if found.digits[0] == "0" else "names no country"
        refuse_number(field, problem, written, f"{ADVICE}, or pass country=")
    return f"+{_sized(found.digits, written, field)}"


def read_dialable(written: object, field: str) -> str:
    """Return a number for a request to the platform: 5 to 15 digits, with a plus if one (or ``00``) was written.

    Digits in one group are taken as they are: whether a country has such numbers is not known here. One 0 behind the
    country code is a trunk prefix, which is not dialled from abroad: it is refused unless the country has such numbers.

    :raises InvalidRequestError: it begins with a 0 that is not an international prefix, or has no certain reading.
    """
    if isinstance(written, str) and DIALABLE.fullmatch(written):
        _refuse_trunk_zero(written.removeprefix("+"), written, field)
        return written
    found = parse_written(written, field)
    if found.is_international:
        _refuse_trunk_zero(found.digits, written, field)
        return f"+{_sized(found.digits, written, field)}"
    if found.digits[0] == "0":
        refuse_number(field, _NATIONAL, written)
    if isinstance(written, str) and written.translate(_SAME).strip(_BLANK + "'").startswith("("):
        refuse_number(field, "begins with an area code: only its own country can read it", written)
    return _sized(found.digits, written, field)


def read_caller(written: str) -> str:
    """Return the number that is shown to a callee without separators; a name, or ``private``, as it is."""
    text = written.strip(_BLANK)
    if not text.startswith(("+", "00", "(+")):
        return written
    try:
        return read_dialable(text, "cli")
    except InvalidRequestError:
        return written


def parse_written(written: object, field: str = "number", *, trunk: str = "") -> Written:
    """Return what was written, without separators; ``trunk`` is the trunk prefix of a country that it may be of.

    :raises InvalidRequestError: it has no certain reading in any country.
    """
    if not isinstance(written, str):
        refuse_number(field, f"must be a str, not {type(written).__name__}", None)
    text = written.strip(_BLANK).translate(_SAME)
    # Reports put an apostrophe before a number, so that no spreadsheet takes it for a formula.
    text = text[1:] if text[:2] in ("'+", "'(") or re.fullmatch("'[0-9]", text[:2]) else text
    _refuse_strange(text, written, field)
    text = _without_dots(text, written, field)
    prefix = _PREFIX.match(text)
    is_international = prefix is not None
    body = text
    if prefix is not None:
        code, body = prefix[1] or "", text[prefix.end() :]
        if code and not _is_country_code(code):
            refuse_number(field, "has brackets around something other than a country code", written)
        body = f"{code} {body}" if code and not body.startswith("(") else code + body
    elif text.startswith(("+", "000")):
        refuse_number(field, "has no country code behind the prefix: none begins with 0", written)
    return Written(
        _without_brackets(body, written, field, is_international=is_international, trunk=trunk), is_international
    )


def country_code_of(digits: str) -> str:
    """Return the country code at the front of the digits of a number: no code begins with another."""
    short = _SHORT_CODE.match(digits)
    return short[0] if short else digits[:3]


def visible(text: str) -> str:
    """Return a text as a message may show it: its digits masked but for the last two, and nothing invisible.

    Words are masked too: a name, an address or a password may stand in the wrong column.
    """
    text = _WORD.sub(lambda word: "x" * len(word[0]), text)
    shown, digits = [], sum(character in "0123456789" for character in text)
    for character in text[:_SHOWN]:
        if character in "0123456789":
            digits -= 1
            shown.append(character if digits < 2 else "*")
        else:
            shown.append(character if 32 <= ord(character) < 127 else f"\\u{ord(character):04x}")
    return "".join(shown) + ("..." if len(text) > _SHOWN else "")


def refuse_number(field: str, problem: str, written: object, advice: str = ADVICE) -> NoReturn:
    """Raise ``InvalidRequestError``: say what was seen, and what would be accepted."""
    seen = f" (seen: '{visible(written)}')" if isinstance(written, str) and written else ""
    raise InvalidRequestError(f"{field} {problem}{seen}; {advice}", field=field)


def _is_country_code(digits: str) -> bool:
    return len(digits) <= 3 and not digits.startswith("0") and country_code_of(digits) == digits


def _refuse_strange(text: str, written: str, field: str) -> None:
    """Refuse what no number holds, by the name of what it seems to be."""
    if not text:
        refuse_number(field, "is empty", written)
    # First of all, so that no pattern meets a long text.
    if len(text) > _LONGEST:
        refuse_number(field, f"has {len(text)} characters, which is too long for one number", written[:_LONGEST])
    if strange := _STRANGE.search(text):
        refuse_number(field, _name_of(text, strange[0]), written)
    if any(date.fullmatch(text.removeprefix("+")) for date in _DATES):
        refuse_number(field, "looks like a date", written)
    if text.rfind("+") > (1 if text.startswith("(") else 0):
        refuse_number(field, "has a plus inside: are there two numbers?", written)


def _name_of(text: str, character: str) -> str:
    """Say what a text is that holds a character which is in no telephone number."""
    if _EXPONENT.fullmatch(text):
        return "looks like a number with an exponent: its last digits are lost"
    if _DECIMAL.fullmatch(text):
        return "looks like a number with decimals"
    if not character.isascii() or not character.isprintable():
        return f"holds U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"
    if character in "/,;&|":
        return f"holds '{character}': are there two numbers?"
    if _SPREADSHEET_ERROR.fullmatch(text):
        return "is an error of a spreadsheet"
    if text[:4].lower() == "tel:":
        return "begins with 'tel:', and is not the number alone"
    if _EXTENSION.search(text):
        return "seems to have an extension, which cannot be dialled"
    return "holds letters" if character.isalpha() else f"holds '{character}'"


def _without_dots(text: str, written: str, field: str) -> str:
    if "." not in text:
        return text
    if _DECIMAL.fullmatch(text):
        refuse_number(field, "looks like a number with decimals (a floating-point number of a spreadsheet)", written)
    if not _DOTTED.fullmatch(text):
        refuse_number(field, "has dots that do not separate groups of digits", written)
    return text.replace(".", " ")


def _without_brackets(body: str, written: str, field: str, *, is_international: bool, trunk: str) -> str:
    if "(" in body or ")" in body:
        found = _BRACKET.fullmatch(body)
        if found is None:
            refuse_number(field, "has brackets that do not stand around an area code", written)
        head, area, tail = found.groups()
        if (is_international or head not in ("", trunk)) and not _is_country_code(head):
            refuse_number(field, "has brackets that do not stand right behind the country code", written)
        if (is_international or head not in ("", trunk)) and area.startswith("0"):
            area = _without_trunk_zero(head, area, written, field)
        body = f"{head}{area} {tail}"
    if not _GROUPS.fullmatch(body):
        refuse_number(field, "is not made of groups of digits", written)
    behind = _ZERO_GROUP.match(body)
    if behind and not trunk and _is_country_code(behind[1]) and behind[1] not in _ZERO_IS_DIALLED:
        refuse_number(field, f"has a 0 behind +{behind[1]}, which is dialled within the country only", written)
    digits = re.sub("[^0-9]", "", body)
    # The North American plan has ten digits behind its 1, so that an extension shows.
    if is_international and digits[0] == "1" and len(digits) != 11 and _SEPARATED.search(written.strip(_BLANK)):
        refuse_number(field, f"has {len(digits) - 1} digits behind +1, and needs 10", written)
    return digits


def _without_trunk_zero(code: str, area: str, written: str, field: str) -> str:
    """Return the area code behind a country code: ``(0)`` is a trunk zero, which is not dialled from abroad."""
    if code in _ZERO_IS_DIALLED:
        if area == "0":
            refuse_number(field, f"has a (0) behind +{code}, and a zero there may be dialled or not", written)
        return area
    if area != "0":
        refuse_number(field, f"has a 0 behind +{code}, inside an area code", written)
    return ""


def _refuse_trunk_zero(digits: str, written: object, field: str) -> None:
    code = country_code_of(digits)
    rest = digits[len(code) :]
    # The platform's own samples have two zeros there, which belong to no telephone.
    if rest[:1] == "0" and rest[1:2] not in ("", "0") and code not in _ZERO_MAY_FOLLOW:
        refuse_number(field, f"has a 0 behind +{code}, which is dialled within the country only", written)


def _sized(digits: str, written: object, field: str) -> str:
    if not 5 <= len(digits) <= 15:
        refuse_number(field, f"has {len(digits)} digits, and a number has 5 to 15", written)
    return digits


DestinationType: TypeAlias = Literal["number", "username", "sip", "did", "conference", "Websocket"] | str
"""The kind of an endpoint. Callouts go to ``number``, ``username`` and ``sip``; the platform reports the others."""


@frozen(kw_only=True)
class Destination:
    """One end of a call; make one with :meth:`number`, :meth:`username` or :meth:`sip`.

    The platform may send any text, so the three constructors and the callout check a destination, and the class does
    not.

    Source: Calling API, Conference and Text-to-Speech Callouts.
    """

    type: DestinationType | None = None
    endpoint: str = field(repr=masked)
    extra: Mapping[str, Any] = unknown_fields()

    @classmethod
    def number(cls, endpoint: str) -> "Destination":
        """Return the telephone with this number in E.164 form: an optional ``+`` and 5 to 15 digits.

        The plus is optional because the platform's own samples leave it out; ``00`` is read as a plus. Spaces, hyphens
        and brackets are left out of the endpoint, and ``(0)`` behind a country code is a trunk zero.

        :raises InvalidRequestError: the text has no certain reading: a number that begins with one 0 is national.
        """
        return checked(cls(type="number", endpoint=endpoint), "endpoint")

    @classmethod
    def username(cls, endpoint: str) -> "Destination":
        """Return the user of your app with this name; raise ``InvalidRequestError`` if it is empty."""
        return checked(cls(type="username", endpoint=endpoint), "endpoint")

    @classmethod
    def sip(cls, endpoint: str) -> "Destination":
        """Return the SIP address ``name@host``; raise ``InvalidRequestError`` if it is empty or has a space."""
        return checked(cls(type="sip", endpoint=endpoint), "endpoint")


def checked(destination: Destination, field_name: str) -> Destination:
    """Return a destination that can be called; raise ``InvalidRequestError``, which names the field, if it cannot."""
    endpoint: object = destination.endpoint
    if destination.type == "number" and isinstance(endpoint, str):
        number = _dialable(endpoint, field_name)
        return destination if number == endpoint else evolve(destination, endpoint=number)
    if not isinstance(endpoint, str) or not endpoint or not endpoint.isprintable():
        raise InvalidRequestError(f"{field_name} must be a text that is not empty", field=field_name)
    if destination.type == "sip" and " " in endpoint:
        raise InvalidRequestError(f"{field_name} must be a SIP address without spaces", field=field_name)
    return destination


def _dialable(endpoint: str, field_name: str) -> str:
    try:
        return read_dialable(endpoint, field_name)
    except InvalidRequestError as error:
        remedy = "; use Destination.username(...) or Destination.sip(...) for anything else"
        raise InvalidRequestError(f"{error}{remedy}", field=field_name) from None
