"""The people who are called: what each does when the telephone rings.

A number has a scripted person, or a person drawn from the population, or the default person, in that order.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.exchange.sounds import Says

__all__ = ["People", "Person", "Phone", "Population"]

MACHINE_BEEPS_AFTER = 8.0
MACHINE_RECORDS_FOR = 30.0
LEASE_BEGINS = 4.0
LEASE_LASTS = 3.0
REFUSALS: tuple[Literal["busy", "declined"], ...] = ("busy", "declined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What one person does with a telephone. Seconds are exchange seconds.

    Raises ValueError, with the name of the field, for a value out of bounds.
    """

    answers_after: float | None = 0.0
    """Seconds of ringing before the person answers. None: the person never answers."""
    hangs_up_after: float | None = 3.0
    """Seconds after the answer, or after dialling in, until the person hangs up. None: the person never hangs up."""
    leaves_conferences: bool = False
    """Whether ``hangs_up_after`` ends a conference too. By default a person stays in it."""
    refuses: Literal["busy", "declined"] | None = None
    """The line is busy, or the person declines the call."""
    keys: tuple[str, ...] = ()
    """The keys that the person presses: one text for each time that a menu asks. After the last one they press none."""
    is_machine: bool = False
    """Whether an answering machine answers."""
    beeps_after: float = MACHINE_BEEPS_AFTER
    """Seconds after the answer at which an answering machine beeps."""
    is_manual: bool = False
    """Whether the telephone rings until a test, or a user of the sandbox's page, answers it."""
    says: Sequence[Says] = ()
    """What the person says on a media stream: ``hangs_up_after`` counts from its end. If empty, a tone of a second, or
    silence if ``is_manual``.
    """

    def __post_init__(self) -> None:
        for name in ("answers_after", "hangs_up_after"):
            if getattr(self, name) is not None:
                bounds.seconds(name, getattr(self, name))
        bounds.seconds("beeps_after", self.beeps_after)
        for name in ("leaves_conferences", "is_machine", "is_manual"):
            bounds.flag(name, getattr(self, name))
        if self.refuses is not None:
            bounds.choice("refuses", self.refuses, REFUSALS)
        for name in ("keys", "says"):
            if not isinstance(getattr(self, name), Iterable):
                raise ValueError(f"{name} must be a list")  # noqa: TRY004  # one class of error for every argument
        for each in self.keys:
            bounds.keys("keys", each)
        object.__setattr__(self, "says", tuple(self.says))
        for each_said in self.says:
            if not isinstance(each_said, Says):
                raise ValueError("says must be Wav, Tone, Espeak, Wait, Interrupt or HangUp")  # noqa: TRY004  # one class of error for every argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A person for every number, drawn at random but always the same.

    Each share, 0.0 to 1.0, is the part of all numbers at which that happens; the shares add up to 1. A pair is the
    least and the most exchange seconds. The person at a number depends on the number and on ``seed`` alone: not on when
    or how often it is called. So a campaign that is rehearsed twice meets the same people.

    Raises ValueError, with the name of the field, for a value out of bounds.
    """

    answer: float = 1.0
    """A person answers, listens, and hangs up."""
    busy: float = 0.0
    no_answer: float = 0.0
    machine: float = 0.0
    """An answering machine answers."""
    seed: int = 0
    """Another seed draws other people."""
    rings_for: tuple[float, float] = (2.0, 15.0)
    """How long it rings before a person answers."""
    talks_for: tuple[float, float] = (5.0, 45.0)
    """How long a person listens before they hang up."""

    def __post_init__(self) -> None:
        shares = self.shares
        for name, share in shares.items():
            bounds.share(name, share)
        if abs(sum(shares.values()) - 1.0) > 1e-9:
            raise ValueError(f"the shares {', '.join(shares)} add up to {sum(shares.values()):g} and not to 1")
        bounds.whole("seed", self.seed, least=-(2**63))
        for name in ("rings_for", "talks_for"):
            pair = getattr(self, name)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"{name} must be a pair: the least and the most seconds")
            bounds.seconds(name, pair[1], least=bounds.seconds(name, pair[0]))

    @property
    def shares(self) -> dict[str, float]:
        """The shares by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)[:4]}

    def at(self, number: str) -> Person:
        """Return the person at a number, which is written without a plus sign."""
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311  # the draw is not a secret
        shares = self.shares
        [kind] = chance.choices(list(shares), list(shares.values()))
        rings, talks = chance.uniform(*self.rings_for), chance.uniform(*self.talks_for)
        match kind:
            case "busy":
                return Person(refuses="busy")
            case "no_answer":
                return Person(answers_after=None)
            case "machine":
                end = MACHINE_BEEPS_AFTER + MACHINE_RECORDS_FOR
                return Person(answers_after=rings, hangs_up_after=end, leaves_conferences=True, is_machine=True)
            case _:
                return Person(answers_after=rings, hangs_up_after=talks, leaves_conferences=True)


class Phone:
    """The telephone of one number: each method says what the person there does with the next call.

    Seconds are exchange seconds. Each method raises ValueError for a value out of bounds.
    """

    def __init__(self, people: "People", number: str) -> None:
        self._people = people
        self._number = number

    def answers(self, *, after: float = 0.0) -> "Phone":
        """Answer after this many seconds."""
        return self._becomes(replace(self._person, answers_after=after, refuses=None, is_manual=False))

    def hangs_up(self, *, after: float | None) -> "Phone":
        """Hang up this many seconds after the answer, in a conference too. None: never hang up."""
        return self._becomes(replace(self._person, hangs_up_after=after, leaves_conferences=True))

    def presses(self, *keys: str) -> "Phone":
        """Press these keys, one text for each time that a menu asks, and stay on the line.

        ``presses("1", "4711#")`` answers a first menu with 1 and a second with a PIN. Keys are 0-9, * and #.
        """
        if not keys:
            raise ValueError("keys must be a text of 0-9, * and #")
        return self._becomes(replace(self._person, keys=keys, hangs_up_after=None))

    def says(self, *says: Says) -> "Phone":
        """Have the person say this on a media stream, in order, and stay on the line until ``HangUp()``, if any."""
        return self._becomes(replace(self._person, says=says, hangs_up_after=None))

    def is_busy(self) -> "Phone":
        """Refuse the next call: the line is busy."""
        return self._becomes(replace(self._person, refuses="busy"))

    def declines(self) -> "Phone":
        """Decline the next call."""
        return self._becomes(replace(self._person, refuses="declined"))

    def does_not_answer(self) -> "Phone":
        """Let the telephone ring."""
        return self._becomes(replace(self._person, answers_after=None, refuses=None, is_manual=False))

    def is_machine(self, *, beeps_after: float = MACHINE_BEEPS_AFTER) -> "Phone":
        """Have an answering machine answer. It beeps after its greeting and then records for 30 seconds."""
        end = bounds.seconds("beeps_after", beeps_after) + MACHINE_RECORDS_FOR
        return self._becomes(replace(self._person, is_machine=True, beeps_after=beeps_after, hangs_up_after=end))

    def is_manual(self) -> "Phone":
        """Ring until ``call.pick_up()``. ``call.press("1")`` and ``call.put_down()`` do the rest."""
        return self._becomes(replace(self._person, is_manual=True, hangs_up_after=None, refuses=None))

    @property
    def _person(self) -> Person:
        return self._people.at(self._number)

    def _becomes(self, person: Person) -> "Phone":
        self._people.meet(self._number, person)
        return self


class People:
    """The people at all phones: the scripted ones, and at every other number those of a ``population``, or one
    ``default`` person without a population.

    A *lease* is a scripted phone that belongs to an open page: it ends 3 s after the last page has gone.
    """

    def __init__(self, default: Person) -> None:
        self.default = default
        self.population: Population | None = None
        self._by_number: dict[str, Person] = {}
        self._leases = Leases()

    def meet(self, number: str, person: Person) -> None:
        """Put a person at a number, user name or SIP address."""
        self._leases.forget(_normal(number))
        self._by_number[_normal(number)] = person

    def lease(self, number: str, person: Person) -> None:
        """Put a person at a number for as long as a page is open."""
        self._end_leases()
        self._leases.add(_normal(number), self._by_number.get(_normal(number)))
        self._by_number[_normal(number)] = person

    def page_opened(self) -> None:
        """Note that a page listens: leases last at least until it has gone."""
        self._end_leases()
        self._leases.pages += 1

    def page_closed(self) -> None:
        """Note that a page has gone."""
        self._leases.pages -= 1
        self._leases.extend(LEASE_LASTS)

    def page_polled(self) -> None:
        """Note that a page asks from time to time, because it cannot listen."""
        self._end_leases()
        self._leases.extend(LEASE_BEGINS)

    def at(self, number: str) -> Person:
        """Return the person at a number."""
        self._end_leases()
        scripted = self._by_number.get(_normal(number))
        if scripted is not None:
            return scripted
        return self.default if self.population is None else self.population.at(_normal(number))

    def __iter__(self) -> Iterator[tuple[str, Person]]:
        """Yield every scripted phone: its number, without a plus sign, and the person."""
        self._end_leases()
        return iter(list(self._by_number.items()))

    def lasting(self) -> Iterator[tuple[str, Person]]:
        """Yield what stays when every page has gone."""
        before = self._leases.before
        return iter([(number, person) for number, person in {**dict(self), **before}.items() if person is not None])

    def __len__(self) -> int:
        self._end_leases()
        return len(self._by_number)

    def forget(self, number: str) -> None:
        """Remove a scripted phone."""
        self._leases.forget(_normal(number))
        self._by_number.pop(_normal(number), None)

    def clear(self) -> None:
        """Remove every scripted phone and the population."""
        self._leases.before.clear()
        self._by_number.clear()
        self.population = None

    def _end_leases(self) -> None:
        for number, before in self._leases.ended():
            if before is None:
                self._by_number.pop(number, None)
            else:
                self._by_number[number] = before


class Leases:
    """Phones that belong to open pages. ``before`` has the person who was there, ``pages`` counts those that listen."""

    def __init__(self) -> None:
        self.before: dict[str, Person | None] = {}
        self.pages = 0
        self._ends_at = 0.0

    def add(self, number: str, before: Person | None) -> None:
        """Begin a lease; a page that has not begun to listen gets time to do so."""
        self.before.setdefault(number, before)
        self.extend(LEASE_BEGINS)

    def extend(self, seconds: float) -> None:
        """Have no lease end within this many seconds of the wall clock."""
        self._ends_at = max(self._ends_at, time.monotonic() + seconds)

    def forget(self, number: str) -> None:
        """Remove a lease: the phone stays as it is."""
        self.before.pop(number, None)

    def ended(self) -> list[tuple[str, Person | None]]:
        """Return the leases that have ended, with the person who was there before, and forget them."""
        if not self.before or self.pages > 0 or time.monotonic() < self._ends_at:
            return []
        ended = list(self.before.items())
        self.before.clear()
        return ended


def _normal(number: str) -> str:
    return number.removeprefix("+")
