"""Who is at the other end of a number, and what they do when it rings."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

__all__ = ["People", "Person", "Phone", "Population"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What somebody does with a telephone; seconds are those of the exchange."""

    answers_after: float | None = 0.0
    """Seconds of ringing; None: never answers."""
    hangs_up_after: float | None = 3.0
    """Seconds after answering, or after dialling in; None: stays until the call is ended from the other side."""
    refuses: Literal["busy", "declined"] | None = None
    """The line is busy, or the call is declined."""
    keys: tuple[str, ...] = ()
    """What they press, one text for each time that a menu asks; then they press nothing."""
    is_machine: bool = False
    """Whether it is an answering machine that picks up."""
    beeps_after: float = 8.0
    """Seconds after answering at which an answering machine beeps."""
    is_manual: bool = False
    """Whether the telephone rings until the test, or somebody at the sandbox's page, picks it up."""


MACHINE_BEEPS_AFTER = 8.0
MACHINE_RECORDS_FOR = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What share of all numbers does what, 0.0 to 1.0; the shares add up to 1. Pairs are the least and most seconds.

    Raises ValueError for shares that do not add up, and for times that are none.
    """

    answer: float = 1.0
    """Somebody picks up, listens, and hangs up."""
    busy: float = 0.0
    no_answer: float = 0.0
    machine: float = 0.0
    """An answering machine picks up."""
    seed: int = 0
    """Another seed is another town."""
    rings_for: tuple[float, float] = (2.0, 15.0)
    """How long it rings before somebody picks up."""
    talks_for: tuple[float, float] = (5.0, 45.0)
    """How long somebody listens before they hang up."""

    def __post_init__(self) -> None:
        shares = self.shares
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be a share from 0 to 1")
        if abs(sum(shares.values()) - 1.0) > 1e-9:
            raise ValueError(f"the shares {', '.join(shares)} add up to {sum(shares.values()):g} and not to 1")
        for name in ("rings_for", "talks_for"):
            least, most = getattr(self, name)
            if not 0.0 <= least <= most < float("inf"):
                raise ValueError(f"{name} must be the least and the most seconds")

    @property
    def shares(self) -> dict[str, float]:
        """The shares by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)[:4]}

    def at(self, number: str) -> Person:
        """Return who is at a number, which is written without a plus sign."""
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311  # nobody is to be surprised
        shares = self.shares
        [kind] = chance.choices(list(shares), list(shares.values()))
        rings, talks = chance.uniform(*self.rings_for), chance.uniform(*self.talks_for)
        match kind:
            case "busy":
                return Person(refuses="busy")
            case "no_answer":
                return Person(answers_after=None)
            case "machine":
                return Person(
                    answers_after=rings,
                    hangs_up_after=MACHINE_BEEPS_AFTER + MACHINE_RECORDS_FOR,
                    is_machine=True,
                    beeps_after=MACHINE_BEEPS_AFTER,
                )
            case _:
                return Person(answers_after=rings, hangs_up_after=talks)


class Phone:
    """The telephone of one number: each method says what the person there will do with the next call."""

    def __init__(self, people: "People", number: str) -> None:
        self._people = people
        self._number = number

    def answers(self, *, after: float = 0.0) -> "Phone":
        """Have somebody pick up after this many seconds."""
        return self._becomes(replace(self._person, answers_after=after, refuses=None, is_manual=False))

    def hangs_up(self, *, after: float | None) -> "Phone":
        """Have them hang up this many seconds after answering, or never."""
        return self._becomes(replace(self._person, hangs_up_after=after))

    def presses(self, *keys: str) -> "Phone":
        """Have them press these keys, one text for each time that a menu asks, and stay on the line.

        ``presses("1", "4711#")`` answers a first menu with 1 and a second with a PIN. Keys are 0-9, * and #.
        """
        if not keys or not all(text and set(text) <= set("0123456789*#") for text in keys):
            raise ValueError("keys are texts of 0-9, * and #")
        return self._becomes(replace(self._person, keys=keys, hangs_up_after=None))

    def is_busy(self) -> "Phone":
        """Have the line busy."""
        return self._becomes(replace(self._person, refuses="busy"))

    def declines(self) -> "Phone":
        """Have the call declined."""
        return self._becomes(replace(self._person, refuses="declined"))

    def does_not_answer(self) -> "Phone":
        """Have nobody come to the telephone."""
        return self._becomes(replace(self._person, answers_after=None, refuses=None, is_manual=False))

    def is_machine(self, *, beeps_after: float = 8.0) -> "Phone":
        """Have an answering machine pick up: it beeps when its greeting is over, and records for half a minute."""
        end = beeps_after + 30.0
        return self._becomes(replace(self._person, is_machine=True, beeps_after=beeps_after, hangs_up_after=end))

    def is_manual(self) -> "Phone":
        """Have it ring until ``call.pick_up()``; ``call.press("1")`` and ``call.put_down()`` do the rest."""
        return self._becomes(replace(self._person, is_manual=True, hangs_up_after=None, refuses=None))

    @property
    def _person(self) -> Person:
        return self._people.at(self._number)

    def _becomes(self, person: Person) -> "Phone":
        self._people.meet(self._number, person)
        return self


class People:
    """Everybody who can be called: those who were scripted, and at every other number a ``population``'s people, or
    one and the same ``default`` person where there is none.
    """

    def __init__(self, default: Person) -> None:
        self.default = default
        self.population: Population | None = None
        self._by_number: dict[str, Person] = {}

    def meet(self, number: str, person: Person) -> None:
        """Put a person at a number, user name or SIP address."""
        self._by_number[_normal(number)] = person

    def at(self, number: str) -> Person:
        """Return who is there."""
        scripted = self._by_number.get(_normal(number))
        if scripted is not None:
            return scripted
        return self.default if self.population is None else self.population.at(_normal(number))

    def __iter__(self) -> Iterator[tuple[str, Person]]:
        """Give everybody who was scripted, with their number; it has no plus sign."""
        return iter(list(self._by_number.items()))

    def forget(self, number: str) -> None:
        """Leave a number to whoever is everywhere else."""
        self._by_number.pop(_normal(number), None)

    def clear(self) -> None:
        """Send everybody home but the default person."""
        self._by_number.clear()
        self.population = None


def _normal(number: str) -> str:
    return number.removeprefix("+")
