"""A contact of a campaign: its telephone numbers, and the fields from which its callout is made.

The numbers of contacts and of lists have one reader. What is known about the numbers of each country comes from
phonenumbers (the extra ``dialer``). Without the extra, only the form of a number is checked, and national forms cannot
be read at all. Neither numbers nor fields are shown in reprs and messages.
"""

import importlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from attrs import field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.text_files import examine, readable
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.models.destinations import (
    country_code_of,
    parse_written,
    read_international,
    refuse_number,
)
from sinch_voice_async.models.fields import masked

__all__ = [
    "BrokenRow",
    "Contact",
    "check_country",
    "number_type",
    "numbers_of",
    "read_number",
    "read_numbers",
    "read_priority",
    "tables",
]

_COMMENT: Final = re.compile(r"(?:^|\s)#(?:\s.*)?$", re.DOTALL)
_LONGEST: Final = len("+") + 15
_HIGHEST_PRIORITY: Final = 100
# A whole number in a column with gaps is often written with a decimal.
_WHOLE: Final = re.compile(r"([0-9]{1,9})(?:\.0{1,9})?")
# A date without separators, as a spreadsheet may keep it: 20261127 or 27112026.
_DATE: Final = re.compile(
    "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|"
    "(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19|20)[0-9]{2}"
)
_EXTRA: Final = "install the extra: sinch-voice-async[dialer]"
_OTHER_NAMES: Final = {"UK": "GB", "EN": "GB", "SWEDEN": "SE", "USA": "US", "GERMANY": "DE", "FRANCE": "FR"}


def read_number(
    written: object, *, country: str | None = None, allow_premium: bool = False, field: str = "number"
) -> str:
    """Return a telephone number in E.164 form: ``+`` and its digits.

    ``written`` begins with ``+`` or ``00``, or is in the national form of ``country`` (ISO 3166-1, such as ``SE``).
    Spaces, hyphens and brackets separate digits; what could be read as two different numbers is refused.
    Premium-rate numbers are refused unless ``allow_premium`` is True. With the extra ``dialer``, a number that its
    country cannot have is refused too.

    :raises InvalidRequestError: the number has no certain reading, or may not be called; ``.field`` names it.
    :raises ConfigurationError: ``country`` is unknown, or given and the extra ``dialer`` is not installed.
    """
    if country is None:
        number = read_international(written, field)
    else:
        known = check_country(country)
        found = parse_written(written, field, trunk=_trunk_of(known))
        number = f"+{found.digits}" if found.is_international else _national(found.digits, known, written, field)
    if tables() is not None:
        _check_possible(number, written, field, allow_premium=allow_premium)
    return number


def check_country(country: str) -> str:
    """Return a country by its two letters, in capitals.

    :raises ConfigurationError: the country is unknown, or the extra ``dialer`` is not installed.
    """
    return _known_country(country if isinstance(country, str) else repr(country))


@cache
def _known_country(country: str) -> str:
    library = tables()
    if library is None:
        raise ConfigurationError(f"country: to read national numbers, {_EXTRA}")
    name = country.strip().upper()
    if name in library.SUPPORTED_REGIONS:
        return name
    hint = f"; did you mean {_OTHER_NAMES[name]}?" if name in _OTHER_NAMES else ""
    raise ConfigurationError(f"country must be two letters of ISO 3166-1, such as SE, not {country!r}{hint}")


def number_type(number: str) -> str | None:
    """Return the line type of an E.164 number, such as ``mobile`` or ``premium_rate``; None if it is not known.

    :raises ConfigurationError: the extra ``dialer`` is not installed.
    """
    library = tables()
    if library is None:
        raise ConfigurationError(f"to know the type of a number, {_EXTRA}")
    try:
        kind = library.number_type(library.parse(number))
    except library.NumberParseException:
        return None
    return None if kind == library.PhoneNumberType.UNKNOWN else library.PhoneNumberType.to_string(kind).lower()


@cache
def tables() -> Any:
    """Return phonenumbers, None if it is not installed."""
    try:
        return importlib.import_module("phonenumbers")
    except ImportError:
        return None


@frozen
class _Plan:
    """The numbering plan behind a country code: lengths in digits, and patterns, of what follows it."""

    lengths: frozenset[int]
    rare: frozenset[int]
    general: "re.Pattern[str]"
    premium: "tuple[re.Pattern[str], ...]"


@cache
def _plan(code: str) -> _Plan | None:
    """Return the plan of a country code, None if it is not assigned."""
    library = tables()
    regions = library.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    found = [library.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region) for region in regions]
    if not found:
        return None
    main = found[0]
    lengths = frozenset(main.general_desc.possible_length)
    usual = {
        length
        for kind in (main.fixed_line, main.mobile)
        for length in (getattr(kind, "possible_length", None) or lengths)
        if length > 0
    }
    premium = [plan.premium_rate.national_number_pattern for plan in found if plan.premium_rate is not None]
    return _Plan(
        lengths=lengths,
        rare=lengths - usual,
        general=re.compile(main.general_desc.national_number_pattern),
        premium=tuple(re.compile(pattern) for pattern in premium if pattern),
    )


def _check_possible(number: str, written: object, field: str, *, allow_premium: bool) -> None:
    code = country_code_of(number[1:])
    plan, rest = _plan(code), number[1 + len(code) :]
    if plan is None:
        refuse_number(field, f"begins with +{code}, which is not a country code", written)
    if rest.startswith("0") and not plan.general.fullmatch(rest):
        refuse_number(field, f"has a 0 behind +{code}, and a number there never begins with 0", written)
    # Some plans allow more digits than E.164 does with the country code before them.
    is_too_long = len(number) > _LONGEST
    if is_too_long or len(rest) not in plan.lengths or (len(rest) in plan.rare and not _is_valid(number)):
        refuse_number(field, f"has {len(rest)} digits behind +{code}, which no telephone there has", written)
    # The patterns of countries that share a code overlap: only the type of the whole number decides.
    seems_premium = not allow_premium and any(pattern.fullmatch(rest) for pattern in plan.premium)
    # In North America the area code alone says it, whether or not the rest is in use.
    is_premium = not allow_premium and code == "1" and rest.startswith("900")
    if is_premium or (seems_premium and number_type(number) == "premium_rate"):
        refuse_number(field, "is a premium-rate number", written, "pass allow_premium=True to call it")


def _is_valid(number: str) -> bool:
    library = tables()
    return bool(library.is_valid_number(library.parse(number)))


@cache
def _trunk_of(country: str) -> str:
    metadata = tables().PhoneMetadata.metadata_for_region(country)
    return metadata.national_prefix or ""


def _national(digits: str, country: str, written: object, field: str) -> str:
    """Return the one number that digits mean in a country: in national form, or with the country code and no plus."""
    library = tables()
    code, trunk = str(library.country_code_for_region(country)), _trunk_of(country)
    readings = set()
    # Without the trunk prefix that the country has, a national number is read only if it cannot be anything else.
    if trunk and not digits.startswith(trunk) and _DATE.fullmatch(digits):
        refuse_number(field, "looks like a date", written)
    within = _possible(f"+{code}{digits}")
    # Without the trunk prefix, which spreadsheets drop, only a number that is in use counts.
    if within is not None and (not trunk or digits.startswith(trunk) or _is_valid(within)):
        readings.add(within)
    if digits.startswith(code) and (abroad := _possible(f"+{digits}")) == f"+{digits}":
        readings.add(abroad)
    if not readings:
        is_emergency = library.is_emergency_number(digits, country) if len(digits) < 7 else False
        problem = "is an emergency number" if is_emergency else f"is not a number of {country}"
        refuse_number(field, problem, written)
    # A number that is in use is meant rather than one that could be.
    if len(readings) > 1:
        readings = set(filter(_is_valid, readings)) or readings
    if len(readings) > 1:
        refuse_number(field, f"may be a number of {country} with or without its country code", written)
    return str(readings.pop())


def _possible(number: str) -> str | None:
    """Return a number as phonenumbers reads it within its country, None if no telephone there has it."""
    library = tables()
    try:
        parsed = library.parse(number)
    except library.NumberParseException:
        return None
    text: str = library.format_number(parsed, library.PhoneNumberFormat.E164)
    try:
        _check_possible(text, None, "number", allow_premium=True)
    except InvalidRequestError:
        return None
    return text


def read_numbers(
    path: str | os.PathLike[str], *, country: str | None = None, encoding: str | None = None
) -> frozenset[str]:
    """Return the telephone numbers of a text file, one on each line: a do-not-call list. A comment begins with # and a
    space.

    With ``country`` (ISO 3166-1, such as ``SE``) numbers may be in its national form.

    :raises ConfigurationError: the file cannot be read or holds no number, or a line is not a number with one certain
        reading: it would not keep the person meant from being called. The message names the line.
    """
    file = _bounds.path(path, "path")
    found = numbers_of(file, country=country, encoding=encoding)
    if not found:
        raise ConfigurationError(
            f"{file} holds no number, so it would protect no one: is it a failed export? If no number is barred, leave "
            "the list out"
        )
    return found


def numbers_of(file: Path, *, country: str | None, encoding: str | None) -> frozenset[str]:
    """Return the numbers of a list as :func:`read_numbers` does, also of a list that holds none: it may be half saved.

    :raises ConfigurationError: the file cannot be read, or a line is not a number with one certain reading.
    """
    known = None if country is None else check_country(country)
    found = set()
    with readable(file), examine(file, encoding).open() as lines:
        for line, written in enumerate(lines, 1):
            # Only "# " begins a comment: "#N/A" is an error of a spreadsheet, and "#5" an extension.
            if number := _COMMENT.sub("", written).strip():
                try:
                    found.add(read_number(number, country=known, allow_premium=True))
                except InvalidRequestError as problem:
                    raise ConfigurationError(f"{file}, line {line}: {problem}") from None
    return frozenset(found)


def read_priority(written: object) -> int:
    """Return the priority that a cell says: a whole number from 0 to 100, as a number or a text.

    :raises InvalidRequestError: it says something else.
    """
    value: Any = written
    if isinstance(written, str) and (found := _WHOLE.fullmatch(written.strip())):
        value = int(found[1])
    elif isinstance(written, float) and written.is_integer():
        value = int(written)
    _bounds.whole(value, "priority", most=_HIGHEST_PRIORITY, error=InvalidRequestError)
    return int(value)


@frozen(init=False)
class Contact:
    """A person to call.

    ``number`` is a telephone number with its country code, ``+46 70 …`` or ``0046 70 …``; with ``country`` (ISO 3166-1,
    such as ``SE``) also in the national form of that country. It is kept as ``+`` and digits, so that two spellings of
    a number are one contact. A number that could be read as two different numbers is refused, and a premium-rate number
    unless ``allow_premium`` is True. A person who has several telephones is still one contact: ``numbers`` has all of
    them, the first one first, and ``number`` is the first.

    ``fields`` is the rest of the row, by column: ``contact["name"]``. The journal keeps its values as JSON.
    ``zone`` is an IANA time zone such as ``Europe/Stockholm``, in any case, and decides when the contact may be called;
    None leaves that to the number. ``priority`` is from 0 to 100: of the contacts that are due, those with a higher one
    are called first. ``line`` is where the contact stands in its file, if it came from one.

    :raises InvalidRequestError: ``number`` is not a telephone number, ``zone`` is not a time zone, or ``priority`` is
        not a whole number from 0 to 100; ``.field`` says which.
    :raises ConfigurationError: ``country`` is unknown, or the extra ``dialer`` is not installed.
    """

    number: str = field(repr=masked)
    fields: Mapping[str, Any] = field(hash=False, repr=False)
    zone: str | None
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    line: int | None = field(eq=False)
    priority: int

    def __init__(
        self,
        number: str | None = None,
        *,
        numbers: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        zone: str | None = None,
        country: str | None = None,
        allow_premium: bool = False,
        line: int | None = None,
        priority: int = 0,
    ) -> None:
        _bounds.whole(priority, "priority", most=_HIGHEST_PRIORITY, error=InvalidRequestError)
        given_numbers: object = numbers
        if isinstance(given_numbers, str | bytes) or not isinstance(given_numbers, Iterable):
            problem = f"numbers must be a list of telephone numbers, not a {type(numbers).__name__}"
            raise InvalidRequestError(problem, field="numbers")
        written = numbers if number is None and numbers else (number, *numbers)
        # The same number in two columns is one number.
        read = dict.fromkeys(read_number(each, country=country, allow_premium=allow_premium) for each in written)
        given = MappingProxyType({} if fields is None else dict(fields))
        # pyright does not know the method that attrs makes.
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]
            next(iter(read)), given, None if zone is None else _read_zone(zone), tuple(read), line, int(priority)
        )

    @classmethod
    def restored(
        cls,
        number: str,
        fields: Mapping[str, Any],
        zone: str | None,
        numbers: Sequence[str] = (),
        line: int | None = None,
        priority: int = 0,
    ) -> Self:
        """Return a contact that was read before, as a journal keeps it; nothing is checked again."""
        contact = cls.__new__(cls)
        contact.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]
            number, MappingProxyType(dict(fields)), zone, tuple(numbers) or (number,), line, priority
        )
        return contact

    def __getitem__(self, column: str) -> Any:
        """Return a field of the row.

        :raises InvalidRequestError: the row has no such column; ``.field`` names it.
        """
        try:
            return self.fields[column]
        except KeyError:
            raise InvalidRequestError(f"the contact has no field {column!r}", field=str(column)) from None

    def get(self, column: str, default: Any = None) -> Any:
        """Return a field of the row, or ``default`` if the row has no such column."""
        return self.fields.get(column, default)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and contacts travel to process pools.
        kept = (self.number, dict(self.fields), self.zone, self.numbers, self.line, self.priority)
        return type(self).restored, kept


@frozen
class BrokenRow:
    """A row that is not a contact: ``line`` is where it stands, from 1, and ``problem`` says why.

    ``fields`` is what could be read of it, by column.
    """

    line: int
    problem: str
    fields: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)


def _read_zone(zone: object) -> str:
    """Return a time zone by its IANA name, as the database spells it."""
    if not isinstance(zone, str):
        raise InvalidRequestError(f"zone must be a str, not {type(zone).__name__}", field="zone")
    name = _zones().get(zone.strip().lower())
    if name is None and not _is_zone(zone):
        close = get_close_matches(zone.strip().lower(), _zones(), 1)
        hint = f"; did you mean {_zones()[close[0]]}?" if close else ", such as Europe/Stockholm"
        raise InvalidRequestError(f"zone {zone[:40]!a} is not a time zone{hint}", field="zone")
    return name or zone


def _is_zone(name: str) -> bool:
    # Some systems have zones that they do not list.
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def _zones() -> Mapping[str, str]:
    """Return the names of the time zones, by their names in small letters."""
    return {name.lower(): name for name in available_timezones()}
