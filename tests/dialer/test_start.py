"""A campaign starts at a time, and its pace climbs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import ConfigurationError
from sinch_voice_async.dialer import Campaign, ContactState
from tests.dialer.clocks import NOON, PatientJournal, each, virtual_time
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000{last:05}" for last in range(70)]


def moment(at: float) -> datetime:
    """An instant of the clock."""
    return datetime.fromtimestamp(at, UTC)


async def test_a_run_waits_for_the_start(tmp_path: Path) -> None:
    """Nobody is called before it, and a step for a task queue says from when on."""
    async with virtual_time() as clock:
        ours = Campaign(
            "x",
            journal=PatientJournal(tmp_path / "x.sqlite", clock),
            calls_per_second=100,
            starts_at=moment(NOON + 3600),
            clock=clock,
        )
        platform = Platform()
        assert (await ours.dial(NUMBERS[0], platform, reminder)).due == NOON + 3600
        preview = await ours.preview(NUMBERS[:3], reminder)
        assert (preview.to_call, preview.waiting, preview.opens_at) == (3, 3, NOON + 3600)
        assert not platform.rang
        async with ours.run(platform, each(NUMBERS[:3]), reminder) as outcomes:
            placed = [outcome.placed_at async for outcome in outcomes if outcome.state is ContactState.ACCEPTED]
    assert len(placed) == 3
    assert min(at for at in placed if at is not None) >= NOON + 3600


async def test_the_pace_climbs(tmp_path: Path) -> None:
    """From a tenth on, evenly: about half of the pace on average while it climbs, then all of it."""
    async with virtual_time() as clock:
        ours = Campaign(
            "x", journal=PatientJournal(tmp_path / "x.sqlite", clock), calls_per_second=4, ramp=20, clock=clock
        )
        placed: list[float] = []
        async with ours.run(Platform(), each(NUMBERS[:70]), reminder) as outcomes:
            async for _ in outcomes:
                placed.append(clock.monotonic())
    assert 1 <= sum(at < 5 for at in placed) <= 6
    assert 20 <= sum(at < 20 for at in placed) <= 50
    assert 16 <= sum(21 <= at < 26 for at in placed) <= 21


async def test_another_pace_ends_the_climb(tmp_path: Path) -> None:
    """Whoever asks for a pace gets it at once."""
    async with virtual_time() as clock:
        ours = Campaign(
            "x", journal=PatientJournal(tmp_path / "x.sqlite", clock), calls_per_second=1, ramp=3600, clock=clock
        )
        async with ours.run(Platform(), each(NUMBERS[:60]), reminder) as outcomes:
            await ours.set_pace(50.0)
            await outcomes.wait()
        assert clock.monotonic() < 60


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ramp": 10.0, "calls_per_second": float("inf")}, "ramp needs calls_per_second"),
        ({"ramp": 0.0}, "ramp"),
        ({"starts_at": "09:00"}, "starts_at must be a datetime"),
        ({"starts_at": moment(2.0), "until": moment(1.0)}, "starts_at must be before until"),
    ],
)
def test_what_is_no_start(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """It is refused when the campaign is made."""
    with pytest.raises(ConfigurationError, match=said):
        Campaign("x", journal=tmp_path / "x.sqlite", **wrong)
