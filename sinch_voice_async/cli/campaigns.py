"""Campaigns on the command line: options that the journal keeps, what a run would do, a question, and the run."""

import atexit
import math
import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from string import Formatter
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
from attrs import define, field, fields, frozen

from sinch_voice_async import (
    ConfigurationError,
    InvalidRequestError,
    SinchVoiceError,
    TtsCallout,
    VoiceClient,
    _files,
)
from sinch_voice_async.cli.failures import in_options, masked
from sinch_voice_async.cli.output import count, duration, visible
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.dialer import (
    BrokenRow,
    CallingWindow,
    Campaign,
    Contact,
    ContactFile,
    DoNotCallFile,
    KeptCampaign,
    OptOutList,
    Outcome,
    Preview,
    RedialRules,
    Report,
    SharedCap,
    kept,
)
from sinch_voice_async.dialer.eligibility import DoNotCall, known_zones
from sinch_voice_async.dialer.report import csv_line
from sinch_voice_async.models.destinations import ADVICE, country_code_of

__all__ = [
    "CampaignOptions",
    "Findings",
    "Template",
    "check_apart",
    "check_output",
    "estimate_cost",
    "forecast",
    "kept_options",
    "name_of",
    "outcome_record",
    "outside_hours",
    "report_totals",
    "resume_command",
    "write_rejects",
    "write_report",
    "write_row_fates",
]

_ADVICE: Final = f"; {ADVICE}"
_BY_COUNTRY: Final = f"{_ADVICE}, or pass country="
_FATE_COLUMNS: Final = ("line", "fate", "problem")
_SHOWN: Final = 20
_LOOKED_AT: Final = 20_000
_EARLIEST, _LATEST = 8, 21
_ESTIMATE_PATIENCE: Final = 3.0


@frozen
class Template:
    """A text with fields, ``Hi {name}``: plain names of columns alone, and ``{{`` for a brace."""

    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template.

        :raises ConfigurationError: a brace is open, or holds more than a name.
        """
        try:
            parts = [*Formatter().parse(text)]
        except ValueError as problem:
            raise ConfigurationError(f"--text is not a template: {problem}; write {{{{ for a brace") from None
        for _, name, form, conversion in parts:
            if name is not None and (not name or form or conversion or set(name) & set(".[]")):
                raise ConfigurationError("--text may hold only the names of columns in braces, such as {name}")
        return cls(tuple((text, name) for text, name, _, _ in parts))

    def check(self, columns: Sequence[str] | None) -> None:
        """Make sure that the columns of a file have every field.

        :raises ConfigurationError: one is missing; the message says what was probably meant.
        """
        for _, name in self.parts:
            if columns is not None and name is not None and name not in columns:
                by_small = {column.lower(): column for column in columns}
                close = by_small.get(name.lower()) or next(iter(get_close_matches(name, columns, 1)), None)
                meant = f"did you mean {{{close}}}? " if close else ""
                raise ConfigurationError(
                    f"--text has {{{name}}}, and no column has that name: {meant}The columns are {', '.join(columns)}"
                )

    def render(self, contact: Contact) -> str:
        """Return the text for one contact.

        :raises InvalidRequestError: it has no such field, or an empty one.
        """
        return "".join(text + ("" if name is None else _value(contact, name)) for text, name in self.parts)


def _value(contact: Contact, name: str) -> str:
    value = contact[name]
    if value is None or not str(value).strip():
        raise InvalidRequestError(f"the field {name!r} is empty", field=name)
    return str(value)


@frozen(kw_only=True)
class CampaignOptions:
    """What the command line says about whom to call, with what, how fast and when; the journal keeps all of it."""

    text: str
    cli: str | None = None
    locale: str | None = None
    max_text_length: int = 600
    cps: float = 1.0
    in_flight: int = 100
    window: str | None = None
    days: str | None = None
    closed: str | None = None
    zone: str | None = None
    until: str | None = None
    start: str | None = None
    ramp: float | None = None
    cap: str | None = None
    cap_file: str | None = None
    results_url: str | None = None
    do_not_call: str | None = None
    spend_limit: str | None = None
    attempts: int = 1
    attempts_per_day: int = 3
    redial_after: float = 1800.0
    redial_declined: bool = False
    follow: str = "poll"
    poll_interval: float = 5.0
    max_call_duration: float = 14_400.0
    country: str | None = None
    allow_premium: bool = False
    encoding: str | None = None
    delimiter: str | None = None
    number_column: tuple[str, ...] = field(default=("number",), converter=tuple)
    zone_column: str | None = None
    priority_column: str | None = None
    file: str | None = None

    def kept(self) -> dict[str, Any]:
        """Return the options as JSON, for the journal."""
        values = {each.name: getattr(self, each.name) for each in fields(type(self))}
        return {name: list(each) if isinstance(each, tuple) else each for name, each in values.items()}

    def campaign(self, journal: str, name: str) -> Campaign:
        """Return the campaign.

        :raises ConfigurationError: an option is out of range.
        """
        return Campaign(
            name,
            journal=journal,
            calls_per_second=self.cps,
            in_flight=self.in_flight,
            window=self._window(),
            until=None if self.until is None else datetime.fromisoformat(self.until),
            starts_at=None if self.start is None else datetime.fromisoformat(self.start),
            ramp=self.ramp,
            shared_cap=self._shared_cap(),
            redial=self._redial_rules(),
            do_not_call=() if self.do_not_call is None else self._barred(self.do_not_call),
            spend_limit=self.spend_limit,
            follow=None if self.follow == "none" else self.follow,  # type: ignore[arg-type]  # a choice of three
            poll_interval=self.poll_interval,
            max_call_duration=self.max_call_duration,
            country=self.country,
            options=self.kept(),
        )

    def _shared_cap(self) -> SharedCap | None:
        if self.cap is None and self.cap_file is None:
            return None
        attempts, slash, days = (self.cap or "").partition("/")
        if not (slash and attempts.isdigit() and days.isdigit() and self.cap_file):
            raise ConfigurationError("--cap is such as 4/30, four callouts in 30 days, and needs --cap-file")
        cap = SharedCap(self.cap_file, attempts=int(attempts), days=int(days))
        atexit.register(cap.close)
        return cap

    def _barred(self, path: str) -> DoNotCall:
        """Return the do-not-call list: an opt-out list, or a text, perhaps in another encoding than the contacts."""
        if _files.is_database(Path(path)):
            opt_outs = OptOutList(path, country=self.country)
            atexit.register(opt_outs.close)
            return opt_outs
        try:
            return DoNotCallFile(path, country=self.country)
        except ConfigurationError:
            if self.encoding is None:
                raise
            return DoNotCallFile(path, country=self.country, encoding=self.encoding)

    def callout_of(self, template: Template) -> "MakeCallout":
        """Return what makes the callout of a contact."""
        return MakeCallout(self, template)

    def _redial_rules(self) -> RedialRules | None:
        if self.attempts == 1:
            return None
        return RedialRules(
            attempts=self.attempts,
            delay=self.redial_after,
            redial_declined=self.redial_declined,
            attempts_per_day=self.attempts_per_day,
        )

    def _window(self) -> CallingWindow | None:
        if self.window in (None, "any"):
            for option, value in (("--zone", self.zone), ("--days", self.days), ("--closed", self.closed)):
                if value is not None:
                    raise ConfigurationError(f"{option} needs --window, such as --window 09:00-20:00")
            return None
        intervals = _intervals(str(self.window))
        return CallingWindow(
            intervals[0].opens,
            intervals[-1].closes,
            breaks=[(one.closes, other.opens) for one, other in pairwise(intervals)],
            zone=self.zone,
            days=_WEEK if self.days is None else _days(self.days),
            closed=() if self.closed is None else _dates(self.closed),
        )


_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _intervals(written: str) -> list[CallingWindow]:
    """Return a window for each interval of ``10:00-13:00,14:00-20:00``."""
    found: list[CallingWindow] = []
    for part in written.split(","):
        opens, dash, closes = map(str.strip, part.partition("-"))
        if not dash:
            raise ConfigurationError("--window must be such as 09:00-20:00 or 10:00-13:00,14:00-20:00, or any")
        interval = CallingWindow(opens, closes)
        if found and interval.opens <= found[-1].closes:
            raise ConfigurationError("--window: each interval must begin after the end of the one before it")
        found.append(interval)
    return found


def _dates(written: str) -> frozenset[date]:
    """Return the dates of ``2026-12-25,2027-01-01``."""
    try:
        return frozenset(date.fromisoformat(part.strip()) for part in written.split(","))
    except ValueError:
        raise ConfigurationError(f"--closed must be dates, such as 2026-12-25,2027-01-01, not {written!r}") from None


def _days(written: str) -> Sequence[str]:
    """Return the days of ``mon-fri,sun``."""
    found: list[str] = []
    for part in written.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        ends = [first[:3], (last if dash else first)[:3]]
        if not set(ends) <= set(_WEEK):
            raise ConfigurationError(f"--days must be such as mon-fri or mon,wed, not {written!r}")
        start, end = map(_WEEK.index, ends)
        found += [_WEEK[day % 7] for day in range(start, (end if end >= start else end + 7) + 1)]
    return found


@frozen
class MakeCallout:
    """Makes the callout of a contact; it raises ``InvalidRequestError`` if there can be none."""

    options: CampaignOptions
    template: Template

    def __call__(self, contact: Contact) -> TtsCallout:
        """Return the callout."""
        options, text = self.options, self.template.render(contact)
        if len(text) > options.max_text_length:
            raise InvalidRequestError(
                f"the text has {len(text)} characters, and at most {options.max_text_length} may be spoken",
                field="text",
            )
        return TtsCallout(
            destination=contact.number, text=text, cli=options.cli, locale=options.locale, enable_dice=True
        )


def name_of(journal: str) -> str:
    """Return the name of the campaign that a journal keeps, if none was given."""
    stem = Path(urlsplit(journal).path if "://" in journal else journal).stem
    return "".join(each for each in stem if each.isprintable()).strip() or "campaign"


async def kept_options(journal: str, name: str | None) -> KeptCampaign | None:
    """Return what a journal keeps: the name of its campaign, and the options of the command line by name.

    :raises JournalError: the journal cannot be used.
    """
    found = await kept(journal, name)
    if found is None:
        return None
    options = {
        key.removeprefix("options."): value for key, value in found.options.items() if key.startswith("options.")
    }
    return KeptCampaign(found.name, options)


@define
class Findings:
    """What a look at every contact found: who cannot be called and why, and where the others are.

    It stands for the function that makes callouts while a campaign is previewed.
    """

    make: MakeCallout
    problems: list[tuple[int, str]] = field(factory=list)
    bad: int = 0
    sound: int = 0
    zones: Counter[tuple[str, ...]] = field(factory=Counter)
    by_country: Counter[str] = field(factory=Counter)
    examples: dict[str, str] = field(factory=dict)

    def __call__(self, contact: Contact) -> TtsCallout:
        """Return the callout, and note what there is to know about the contact."""
        try:
            callout = self.make(contact)
        except InvalidRequestError as problem:
            self.note(contact.line or 0, str(problem))
            raise
        self.sound += 1
        if self.sound <= _LOOKED_AT:
            self.zones[tuple(sorted(zone.key for zone in known_zones(contact)))] += 1
        code = country_code_of(contact.number[1:])
        self.by_country[code] += 1
        self.examples.setdefault(code, contact.number)
        return callout

    def note(self, line: int, problem: str) -> None:
        """Count a row that cannot be called, and keep the first ones."""
        self.bad += 1
        if len(self.problems) < _SHOWN * 50:
            self.problems.append((line, problem))

    def lines(self, preview: Preview) -> Iterator[str]:
        """Say which rows cannot be called, the first ones one by one."""
        found = sorted([*self.problems, *((row.line, row.problem) for row in preview.broken)])
        yield from (
            f"line {line}: {masked(problem.replace(_BY_COUNTRY, '').replace(_ADVICE, ''))}"
            for line, problem in found[:_SHOWN]
        )
        if (more := self.bad + preview.broken_rows - len(found[:_SHOWN])) > 0:
            yield f"and {count(more, 'more line')}"
        if any(ADVICE in problem for _, problem in found):
            national = "" if self.make.options.country else "; national numbers need --country"
            yield f"Numbers are in E.164 form, such as +46 70 123 45 67{national}."

    def local_times(self, now: float) -> list[tuple[str, int, bool]]:
        """Return each local time of the called, how many have it, and whether it is outside of 8:00-21:00."""
        times: Counter[str] = Counter()
        for names, number in self.zones.items():
            clocks = {datetime.fromtimestamp(now, _zone(name)).strftime("%H:%M") for name in names}
            times[" or ".join(sorted(clocks)) if len(clocks) < 4 else f"{min(clocks)} to {max(clocks)}"] += number
        return [(shown, number, _is_outside(shown)) for shown, number in times.most_common()]


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # the standard library's own cache is enough

    return ZoneInfo(name)


def _is_outside(shown: str) -> bool:
    hours = [int(part[:2]) for part in shown.replace(" to ", " or ").split(" or ") if part[:2].isdigit()]
    return any(not _EARLIEST <= hour < _LATEST for hour in hours)


def forecast(preview: Preview, findings: Findings, options: CampaignOptions, now: float) -> list[str]:
    """Return what a run would do, in lines."""
    pace = f"{options.cps:g} {'call' if options.cps == 1 else 'calls'}/s"
    lines = [f"{count(preview.to_call, 'contact')} to call, about {duration(preview.seconds)} at {pace}"]
    if preview.waiting:
        opens = "" if preview.opens_at is None else f"; the first window opens {_moment(preview.opens_at)}"
        lines.append(f"  {preview.waiting:,} of them wait for their calling window{opens}")
    lines += [f"  {number:,} skipped: {reason}" for reason, number in preview.skipped.most_common()]
    lines += [f"  {number:,} {state} before" for state, number in preview.called.items()]
    if preview.called and (preview.new or preview.changed or preview.removed):
        lines.append(f"  the file has {preview.new:,} new, {preview.changed:,} changed, {preview.removed:,} removed")
    lines += [f"  {count(preview.duplicates, 'row')} with the number of another row"] if preview.duplicates else []
    lines += [f"  {count(preview.broken_rows, 'broken row')}"] if preview.broken_rows else []
    times = findings.local_times(now)
    if times and times[0][0]:
        shown = ", ".join(f"{each or 'unknown'} ({number:,})" for each, number, _ in times[:4])
        lines.append(f"Local time of the called now: {shown}{' ...' if len(times) > 4 else ''}")
    return [masked(line) for line in lines]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%a %d %b at %H:%M")


def outside_hours(findings: Findings, options: CampaignOptions, now: float) -> str | None:
    """Return a warning if no window was given and people would be called at night or early in the morning."""
    outside = sum(number for _, number, is_outside in findings.local_times(now) if is_outside)
    if not outside or options.window is not None:
        return None
    return (
        f"Warning: for {count(outside, 'contact')} it is outside of 8:00-21:00 local time now, and no window was "
        "given; --window 08:00-21:00 waits for them."
    )


async def estimate_cost(client: VoiceClient, findings: Findings) -> str:
    """Return about how much the calls cost if each lasts a minute, by the platform's price for each country."""
    total: dict[str, float] = {}
    with anyio.move_on_after(_ESTIMATE_PATIENCE):
        for code, number in findings.by_country.most_common(5):
            try:
                rate = (await client.numbers.query(findings.examples[code])).rate
            except SinchVoiceError:
                return ""
            if rate is None or not rate.amount.is_finite():
                return ""
            currency = rate.currency_id or "?"
            total[currency] = total.get(currency, 0.0) + float(rate.amount) * number
        if total and len(findings.by_country) <= 5 and all(map(math.isfinite, total.values())):
            amounts = " and ".join(f"{amount:,.2f} {visible(currency)}" for currency, amount in total.items())
            return f"Cost: about {amounts} if every call lasts a minute"
    # The sum of some countries only would be too small.
    return ""


def check_output(path: Path | None, option: str, *, force: bool) -> None:
    """Make sure that a file can be written when the work is done.

    :raises ConfigurationError: it exists, cannot be replaced, or its folder does not exist or cannot be written to.
    """
    if path is None:
        return
    if not path.parent.is_dir():
        raise ConfigurationError(f"{option} {path}: there is no such folder")
    # A link to nothing is a name that is taken.
    if os.path.lexists(path) and not force:
        raise ConfigurationError(f"{option} {path} exists already; pass --force to replace it")
    if not os.access(path.parent, os.W_OK):
        raise ConfigurationError(f"{option} {path}: its folder cannot be written to")
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{option} {path}: it is not a regular file")


def check_apart(outputs: Mapping[str, Path | None], inputs: Iterable[str | None]) -> None:
    """Make sure that no file to be written is one that the command works with: not the journal, and no list.

    :raises ConfigurationError: it is, by whatever name, or two files to be written are one.
    """
    taken: dict[str, str] = {}
    for given in inputs:
        for written in (given, f"{given}-wal", f"{given}-shm") if given else ():
            taken[os.path.realpath(written)] = written
    for option, path in outputs.items():
        if path is None:
            continue
        place = os.path.realpath(path)
        found = taken.get(place) or next((each for each in taken if _is_same(each, path)), None)
        if found is not None:
            raise ConfigurationError(f"{option} {path} would replace {found}, which this command needs; name another")
        taken[place] = option


def _is_same(one: str, other: Path) -> bool:
    try:
        return other.samefile(one)
    except OSError:
        return False


def write_rejects(path: Path, contacts: ContactFile, make: Callable[[Contact], object]) -> int:
    """Write each row that cannot be called into a CSV file: its line, why, and all of its columns; return how many.

    The file may be corrected and dialled like any other. Its first columns are those of :func:`write_row_fates`.
    """
    columns = [name for name in contacts.columns or () if name not in _FATE_COLUMNS]
    seen: dict[str, int] = {}
    number = 0
    with _files.NewFile(path, overwrite=True) as file:
        file.write(_row([*_FATE_COLUMNS, *columns]))
        for line, row in contacts.lines():
            if found := _problem_of(line, row, make, seen):
                fate, problem = found
                file.write(_row([line, fate, in_options(problem), *(row.fields.get(name, "") for name in columns)]))
                number += 1
    return number


def _problem_of(
    line: int, row: Contact | BrokenRow, make: Callable[[Contact], object], seen: dict[str, int]
) -> tuple[str, str] | None:
    if isinstance(row, BrokenRow):
        return "broken", row.problem
    first = seen.setdefault(row.number, line)
    if first != line:
        return "duplicate", f"the same number as line {first}"
    try:
        make(row)
    except InvalidRequestError as problem:
        return "refused", str(problem)
    return None


async def write_row_fates(path: Path, campaign: Campaign) -> None:
    """Write each row that the journal has no contact of its own for into a CSV file: its line, why, and its number.

    :raises CampaignError: the journal cannot be read.
    """
    async with campaign:
        with _files.NewFile(path, overwrite=True) as file:
            file.write(_row([*_FATE_COLUMNS, "number"]))
            async for _, row in campaign.row_fates():
                file.write(_row([row.line, row.fate, in_options(row.detail), row.number]))


def _row(cells: Sequence[object]) -> bytes:
    return csv_line(cells).encode("utf-8", "backslashreplace")


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """Return one contact as JSON has it."""
    placed = outcome.placed_at
    return {
        "number": outcome.number,
        "state": str(outcome.state),
        "result": outcome.result,
        "reason": outcome.reason,
        "attempts": outcome.attempt,
        "duration": outcome.duration,
        "call_id": outcome.call_id,
        "placed_at": None if placed is None else datetime.fromtimestamp(placed, UTC).isoformat(timespec="seconds"),
        "note": outcome.note,
    }


async def write_report(found: Report, output: Path, *, bom: bool = False) -> None:
    """Write every contact into a file: JSON if its name says so, else CSV.

    :raises CampaignError: the journal cannot be read, or the file cannot be written.
    """
    await (found.write_json(output) if output.suffix.lower() == ".json" else found.write_csv(output, bom=bom))


def report_totals(found: Report) -> dict[str, Any]:
    """Return the totals of a report as JSON has them."""
    return {
        "campaign": found.campaign,
        "contacts": found.contacts,
        "states": {str(state): number for state, number in found.states.items()},
        "results": found.results,
        "skipped": found.skipped,
        "rejected": found.rejected,
        "attempts": found.attempts,
        "spent": found.spent,
        "rate": found.rate,
        "rows": found.fates,
        "broken": found.broken,
    }


def resume_command(journal: str, name: str | None, settings: Settings) -> str:
    """Return the command that resumes a campaign: its options are in the journal, those of the connection are not."""
    words = ["sinch-voice", "dial", "--resume", "--journal", journal]
    words += [] if name is None else ["--name", name]
    defaults = Settings()
    for option in ("application_key", "region", "base_url", "configuration_url", "proxy", "backend", "auth"):
        if (value := getattr(settings, option)) != getattr(defaults, option):
            words += ["--" + option.replace("_", "-"), value]
    words += ["--allow-insecure"] if settings.allow_insecure else []
    return shlex.join(words)
