"""Between the claim and the request: what may happen there, and that nobody rings by it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async.dialer import AttemptUpdate, Change, Claim, Contact, ContactState, Outcome, SqliteJournal
from sinch_voice_async.dialer.attempt import Attempts, Ready
from sinch_voice_async.dialer.eligibility import Eligibility
from sinch_voice_async.dialer.pacing import PauseControl
from tests.dialer.clocks import VirtualClock
from tests.dialer.platforms import Platform, reminder

ANN = "+46700000001"


class Meddled(SqliteJournal):
    """A journal that lets something happen right after a claim."""

    after_claim: Callable[[], Any] = staticmethod(lambda: None)

    async def claim(self, claim: Claim) -> Outcome | None:
        """Claim, and let it happen."""
        claimed = await super().claim(claim)
        self.after_claim()
        return claimed


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Meddled]:
    """A journal with one contact."""
    journal = Meddled(tmp_path / "x.sqlite")
    await journal.open("x")
    await journal.enqueue([Contact(ANN)], 0.0)
    yield journal
    await journal.close()


def attempts(journal: SqliteJournal, platform: Platform, **changes: Any) -> Attempts:
    """Attempts under no rules."""
    eligibility = Eligibility(window=None, is_listed=lambda number: False, attempts_per_day=9, until=None)
    parts: dict[str, Any] = {"callout_of": reminder, "clock": VirtualClock()} | changes
    return Attempts(journal=journal, place=platform, eligibility=eligibility, **parts)


async def ready(ours: Attempts) -> Ready:
    """Prepare the one contact."""
    (outcome,) = await ours.journal.due(1e12)
    prepared = await ours.prepare(outcome)
    assert isinstance(prepared, Ready)
    return prepared


@pytest.mark.parametrize(("wall", "elapsed"), [(6.0, 0.0), (-3600.0, 0.0), (0.0, 6.0)])
async def test_a_claim_that_has_aged_is_given_back(journal: Meddled, wall: float, elapsed: float) -> None:
    """The process was stopped, the machine slept, or somebody set the clock: the list and the hour are asked anew."""
    clock, platform = VirtualClock(), Platform()
    ours = attempts(journal, platform, clock=clock)

    def jump() -> None:
        clock.wall += wall
        clock.elapsed += elapsed

    journal.after_claim = jump
    dialed = await ours.dial(await ready(ours))
    assert not platform.rang
    assert dialed.outcome is not None
    assert (dialed.outcome.state, dialed.outcome.attempt, dialed.sent_at) == (ContactState.TODO, 0, None)


async def test_a_claim_that_takes_a_second_is_no_old_one(journal: Meddled) -> None:
    """Disks are slow at times."""
    clock, platform = VirtualClock(), Platform()
    ours = attempts(journal, platform, clock=clock)
    journal.after_claim = lambda: setattr(clock, "elapsed", 4.9)
    dialed = await ours.dial(await ready(ours))
    assert dialed.outcome is not None
    assert dialed.outcome.state is ContactState.ACCEPTED


async def test_a_pause_between_claim_and_request(journal: Meddled) -> None:
    """The contact is given back."""
    pause, platform = PauseControl(), Platform()
    ours = attempts(journal, platform, pause=pause)
    journal.after_claim = lambda: pause.pause("paused")
    dialed = await ours.dial(await ready(ours))
    assert not platform.rang
    assert dialed.outcome is not None
    assert dialed.outcome.state is ContactState.TODO
    assert (await ours.dial(await ready(attempts(journal, platform)))).outcome is None


async def test_cancelled_between_claim_and_request(journal: Meddled) -> None:
    """It is proven that nothing was sent: the contact goes back, and is not in doubt."""
    platform = Platform()
    ours = attempts(journal, platform)
    prepared = await ready(ours)
    with anyio.CancelScope() as scope:
        journal.after_claim = scope.cancel
        await ours.dial(prepared)
    assert not platform.headers
    (outcome,) = await journal.page(None)
    assert (outcome.state, outcome.note) == (ContactState.TODO, "cancelled before sending")


async def test_somebody_else_was_first(journal: Meddled) -> None:
    """Whoever has lost the race for a claim sends nothing, and skips nobody either."""
    platform = Platform()
    ours = attempts(journal, platform)
    prepared = await ready(ours)
    await journal.claim(Claim(number=ANN, token="other", at=1.0, day="2026-11-25"))
    assert (await ours.dial(prepared)).outcome is None
    assert not platform.headers
    listed = attempts(journal, platform, callout_of=lambda contact: contact["x"])
    assert await listed.prepare(prepared.outcome) is None
    settled = await journal.change("other", Change.END, AttemptUpdate(), 2.0)
    assert settled is not None


async def test_a_row_that_changes_between_reading_and_claim(journal: Meddled) -> None:
    """The callout was made from what is old: the contact goes back and is made anew."""
    platform = Platform()
    ours = attempts(journal, platform)
    prepared = await ready(ours)
    await journal.add([(1, Contact(ANN, fields={"time": "Thursday"}))], 1.0, listed=await journal.begin_list())
    dialed = await ours.dial(prepared)
    assert dialed.outcome is not None
    assert (dialed.outcome.state, dialed.outcome.note) == (
        ContactState.TODO,
        "the row changed between reading and claim",
    )
    assert not platform.headers
