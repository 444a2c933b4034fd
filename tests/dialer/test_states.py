"""The table of states, and that the journal in a file obeys it."""

from pathlib import Path

import anyio
import pytest

from sinch_voice_async.dialer import AttemptUpdate, Change, Claim, Contact, ContactState, SqliteJournal
from sinch_voice_async.dialer.journal import TRANSITIONS, after

# How a journal is brought into each state.
PATHS: dict[ContactState, list[Change]] = {
    ContactState.DIALING: [],
    ContactState.ACCEPTED: [Change.ACCEPT],
    ContactState.DONE: [Change.END],
    ContactState.REJECTED: [Change.REJECT],
    ContactState.UNKNOWN: [Change.MARK_UNKNOWN],
}
TOKENED = [
    Change.GIVE_BACK,
    Change.ACCEPT,
    Change.ANSWER,
    Change.REJECT,
    Change.MARK_UNKNOWN,
    Change.END,
    Change.SKIP,
    Change.REDIAL,
]


def test_a_telephone_can_ring_only_after_a_claim() -> None:
    """Nothing leads from ``todo`` to where a callout may be on its way, save a claim."""
    assert {change for change in Change if after(ContactState.TODO, change) is not None} == {Change.CLAIM, Change.SKIP}
    assert [change for change in Change if TRANSITIONS[change].target is ContactState.DIALING] == [Change.CLAIM]


def test_what_is_unknown_is_left_by_evidence_or_by_a_person() -> None:
    """A callback, or somebody's word; nothing else moves a contact that may have rung."""
    leaving = {change for change in Change if after(ContactState.UNKNOWN, change) is not None}
    assert leaving == {Change.ACCEPT, Change.ANSWER, Change.END, Change.RELEASE}


@pytest.mark.parametrize("state", PATHS)
async def test_the_journal_obeys_the_table(tmp_path: Path, state: ContactState) -> None:
    """From each state each change leads where the table says, and nowhere else."""
    journal = SqliteJournal(tmp_path / "x.sqlite")
    await journal.open("x")
    try:
        await journal.enqueue([Contact(f"+4670000000{place}") for place in range(len(TOKENED))], 0.0)
        async with anyio.create_task_group() as tasks:
            for place, change in enumerate(TOKENED):
                tasks.start_soon(check, journal, f"+4670000000{place}", state, change)
    finally:
        await journal.close()


async def check(journal: SqliteJournal, number: str, state: ContactState, change: Change) -> None:
    """Bring one contact into a state, and see where a change leads."""
    await journal.claim(Claim(number=number, token=number, at=1.0, day="2026-11-25"))
    for step in PATHS[state]:
        await journal.change(number, step, AttemptUpdate(), 2.0)
    changed = await journal.change(number, change, AttemptUpdate(), 3.0)
    expected = after(state, change)
    assert (changed and changed.state) == expected
    found = {outcome.number: outcome.state for outcome in await journal.page(None)}
    assert found[number] == (expected or state)
