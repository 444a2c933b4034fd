"""A file of contacts, and what is wrong with its rows, line by line, before anybody is rung."""

from collections.abc import Iterator
from pathlib import Path

from attrs import define, field

from sinch_voice_async import InvalidRequestError
from sinch_voice_async.dialer import BrokenRow, ContactFile, read_contacts
from sinch_voice_async.dialer.attempt import CalloutOf

__all__ = ["Inspection", "contacts_of", "inspect"]


def contacts_of(path: Path, *, number: str, zone: str | None) -> ContactFile:
    """Return the contacts of a file, by its ending; whatever is none of the others is CSV.

    :raises ConfigurationError: it cannot be read, or has no such column.
    """
    return read_contacts(path, number=number, zone=zone)


@define
class Inspection:
    """What was found in a file: how many rows can be called, and the first lines that cannot."""

    sound: int = 0
    bad: int = 0
    shown: list[str] = field(factory=list)

    def note(self, line: int, problem: str, most: int = 20) -> None:
        """Write down a line that cannot be called."""
        self.bad += 1
        if self.bad <= most:
            self.shown.append(f"line {line}: {problem}")

    def lines(self) -> Iterator[str]:
        """Say what was found, the first lines one by one."""
        yield from self.shown
        if self.bad > len(self.shown):
            yield f"and {self.bad - len(self.shown)} lines more"


def inspect(contacts: ContactFile, callout_of: CalloutOf) -> Inspection:
    """Read a whole file, and try to make the callout of every row; nothing is kept but the count.

    :raises ConfigurationError: the file cannot be read.
    """
    found = Inspection()
    for line, row in contacts.lines():
        if isinstance(row, BrokenRow):
            found.note(line, row.problem)
            continue
        try:
            callout_of(row)
        except InvalidRequestError as problem:
            found.note(line, str(problem))
        else:
            found.sound += 1
    return found
