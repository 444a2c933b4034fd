"""A campaign from its first contact to its end."""

from pathlib import Path

import pytest

from sinch_voice_async import JournalError
from sinch_voice_async.dialer import Campaign, Contact, ContactState
from tests.dialer.platforms import Platform, reminder

FAST = float("inf")
NUMBERS = [f"+467000000{last:02}" for last in range(20)]


async def test_everybody_is_called_once(tmp_path: Path) -> None:
    """Each number is dialled once, and an outcome with its call id is given for each."""
    campaign, platform = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=FAST), Platform()
    async with campaign.run(platform, NUMBERS, reminder) as outcomes:
        given = [outcome async for outcome in outcomes]
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert {outcome.number for outcome in given} == {*NUMBERS}
    assert {outcome.state for outcome in given} == {ContactState.ACCEPTED}
    assert {outcome.call_id for outcome in given} == {f"call-{number}" for number in range(1, 21)}


async def test_the_same_campaign_again_continues_it(tmp_path: Path) -> None:
    """A second run rings only those who were not there before."""
    campaign, platform = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=FAST), Platform()
    async with campaign.run(platform, NUMBERS[:12], reminder) as outcomes:
        await outcomes.wait()
    async with campaign.run(platform, NUMBERS, reminder) as outcomes:
        counts = await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert counts.duplicates == 0
    assert counts.states[ContactState.ACCEPTED] == 20


async def test_only_one_run_dials_from_a_journal(tmp_path: Path) -> None:
    """A second run is refused while the first goes on, and harms nothing."""
    campaign, platform = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=FAST), Platform()
    other = Campaign("x", journal=tmp_path / "x.sqlite")
    async with campaign.run(platform, NUMBERS, reminder) as outcomes:
        with pytest.raises(JournalError, match="another run dials"):
            async with other.run(platform, NUMBERS, reminder):
                pass  # pragma: no cover - it does not come so far
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_a_field_that_no_database_can_name(tmp_path: Path) -> None:
    """JSON may name a field with half a character: that row is kept, and the others too."""
    ours = Campaign("x", journal=tmp_path / "x.sqlite")
    odd = Contact("+46700000001", fields={"\ud83d": "a", "name": "Ann"})
    assert await ours.enqueue([odd, Contact("+46700000002")]) == 2
    report = await ours.report()
    await report.write_csv(tmp_path / "x.csv")
    assert "\\ud83d" in (tmp_path / "x.csv").read_text("utf-8")
