"""Who is at the other end of a number, and what they do when it rings."""

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["People", "Person", "Phone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What somebody does with a ringing telephone; seconds are those of the exchange."""

    answers_after: float | None = 0.0
    """Seconds of ringing; None: never answers."""
    hangs_up_after: float | None = 3.0
    """Seconds after answering; None: stays until the call is ended from the other side."""
    refuses: Literal["busy", "declined"] | None = None
    """The line is busy, or the call is declined."""


class Phone:
    """The telephone of one number: each method says what the person there will do with the next call."""

    def __init__(self, people: "People", number: str) -> None:
        self._people = people
        self._number = number

    def answers(self, *, after: float = 0.0) -> "Phone":
        """Have somebody pick up after this many seconds."""
        return self._becomes(replace(self._person, answers_after=after, refuses=None))

    def hangs_up(self, *, after: float | None) -> "Phone":
        """Have them hang up this many seconds after answering, or never."""
        return self._becomes(replace(self._person, hangs_up_after=after))

    def is_busy(self) -> "Phone":
        """Have the line busy."""
        return self._becomes(replace(self._person, refuses="busy"))

    def declines(self) -> "Phone":
        """Have the call declined."""
        return self._becomes(replace(self._person, refuses="declined"))

    def does_not_answer(self) -> "Phone":
        """Have nobody come to the telephone."""
        return self._becomes(replace(self._person, answers_after=None, refuses=None))

    @property
    def _person(self) -> Person:
        return self._people.at(self._number)

    def _becomes(self, person: Person) -> "Phone":
        self._people.meet(self._number, person)
        return self


class People:
    """Everybody who can be called: those who were scripted, and a default person at every other number."""

    def __init__(self, default: Person) -> None:
        self.default = default
        self._by_number: dict[str, Person] = {}

    def meet(self, number: str, person: Person) -> None:
        """Put a person at a number, user name or SIP address."""
        self._by_number[_normal(number)] = person

    def at(self, number: str) -> Person:
        """Return who is there."""
        return self._by_number.get(_normal(number), self.default)


def _normal(number: str) -> str:
    return number.removeprefix("+")
