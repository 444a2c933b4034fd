"""Who is at the other end of a number, and what they do when it rings."""

from collections.abc import Iterator
from dataclasses import replace

from sinch_voice_async.sandbox.exchange.person import Person
from sinch_voice_async.sandbox.exchange.population import Population

__all__ = ["People", "Phone"]


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
