"""A cap on callouts to a number that several campaigns share."""

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import CampaignError, ConfigurationError, ConnectError
from sinch_voice_async.dialer import Campaign, Contact, ContactState, OptOutList, SharedCap
from tests.dialer.platforms import Platform, reminder

ANN, BO, CY = "+46700000001", "+46700000002", "+46700000003"
DAY = 86_400.0


def campaign(folder: Path, name: str, cap: SharedCap, **more: Any) -> Campaign:
    """One of the campaigns that share a cap."""
    return Campaign(name, journal=folder / f"{name}.sqlite", calls_per_second=float("inf"), shared_cap=cap, **more)


async def called(ours: Campaign, platform: Platform, numbers: list[str]) -> dict[str, str | None]:
    """Dial what may be dialled now; the notes of the contacts that wait or were called."""
    for number in numbers:
        await ours.dial(number, platform, reminder)
    return {each.number: each.note async for each in ours.outcomes()}


async def test_two_campaigns_do_not_pass_it(tmp_path: Path) -> None:
    """What one has called, the other does not call within these days; the file is the one of both."""
    platform = Platform()
    with_one, with_two = (SharedCap(tmp_path / "cap.sqlite", attempts=1, days=30) for _ in range(2))
    first, second = campaign(tmp_path, "first", with_one), campaign(tmp_path, "second", with_two)
    await called(first, platform, [ANN, BO])
    notes = await called(second, platform, [ANN, CY])
    assert notes == {ANN: "called often enough in these days", CY: None}
    assert dict(platform.rang) == {ANN: 1, BO: 1, CY: 1}
    waiting = [each async for each in second.outcomes({ContactState.TODO})]
    assert [each.number for each in waiting] == [ANN]
    assert 29.9 * DAY < waiting[0].due - (waiting[0].changed_at or 0.0) < 30 * DAY
    preview = await second.preview([BO], reminder)
    assert (preview.to_call, preview.waiting) == (1, 1)
    report = await first.report()
    with pytest.raises(CampaignError, match="which the campaign reads"):
        await report.write_csv(tmp_path / "cap.sqlite")
    with_one.close()
    with_two.close()


async def test_at_the_same_moment_one_of_them_calls(tmp_path: Path) -> None:
    """The look and the note are one step, whatever both had seen before."""
    cap = SharedCap(tmp_path / "cap.sqlite", attempts=3, days=1)
    other = SharedCap(tmp_path / "cap.sqlite", attempts=3, days=1)
    taken: list[bool] = []

    async def take(which: SharedCap, at: float) -> None:
        taken.append(await which.take(ANN, at))

    async with anyio.create_task_group() as tasks:
        for place in range(10):
            tasks.start_soon(take, (cap, other)[place % 2], 1000.0 + place / 100)
    assert sum(taken) == 3
    assert await cap.free_at(ANN, 1001.0) > 1001.0
    assert await cap.free_at(ANN, 1001.0 + DAY) == 0.0
    assert await cap.free_at(BO, 1001.0) == 0.0
    cap.close()
    other.close()


async def test_a_campaign_that_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the rules and the claim another may have called: the contact waits."""
    cap, platform = SharedCap(tmp_path / "cap.sqlite", attempts=1, days=1), Platform()
    ours = campaign(tmp_path, "x", cap)
    look = SharedCap.free_at
    looks = 0

    async def late(self: SharedCap, number: str, at: float) -> float:
        nonlocal looks
        looks += 1
        found = await look(self, number, at)
        if looks == 2:  # behind the last look of the rules
            await cap.take(number, at)
        return found

    monkeypatch.setattr(SharedCap, "free_at", late)
    assert await called(ours, platform, [ANN]) == {ANN: "called often enough in these days"}
    assert not platform.rang
    cap.close()


async def test_a_callout_that_was_not_made_does_not_count(tmp_path: Path) -> None:
    """Nothing was sent: the cap is as it was; a refusal of the platform counts, since it was asked."""
    cap = SharedCap(tmp_path / "cap.sqlite", attempts=1, days=1)
    ours = campaign(tmp_path, "x", cap)
    with pytest.raises(ConnectError):
        await ours.dial(ANN, Platform(ConnectError()), reminder)
    platform = Platform()
    await called(ours, platform, [ANN])
    assert platform.rang[ANN] == 1
    cap.close()


async def test_further_numbers_have_caps_of_their_own(tmp_path: Path) -> None:
    """The number whose turn it is counts."""
    cap, platform = SharedCap(tmp_path / "cap.sqlite", attempts=1, days=1), Platform()
    assert await cap.take(BO, 1.0)
    ours = campaign(tmp_path, "x", cap)
    await ours.dial(Contact(numbers=[ANN, BO]), platform, reminder)
    assert platform.rang[ANN] == 1
    cap.close()


def test_what_is_no_cap(tmp_path: Path) -> None:
    """Numbers out of range, and files of something else."""
    for wrong in ({"attempts": 0, "days": 1}, {"attempts": 1, "days": 367}, {"attempts": True, "days": 1}):
        with pytest.raises(ConfigurationError):
            SharedCap(tmp_path / "cap.sqlite", **wrong)
    OptOutList(tmp_path / "opt-outs.sqlite").close()
    with pytest.raises(CampaignError, match="another program"):
        SharedCap(tmp_path / "opt-outs.sqlite", attempts=1, days=1)
    with pytest.raises(ConfigurationError, match="shared_cap"):
        Campaign("x", journal=tmp_path / "x.sqlite", shared_cap=tmp_path)  # type: ignore[arg-type]
    cap = SharedCap(tmp_path / "cap.sqlite", attempts=1, days=30)
    assert repr(cap) == f"SharedCap({str(tmp_path / 'cap.sqlite')!r}, attempts=1, days=30)"
    plain = sqlite3.connect(tmp_path / "cap.sqlite", isolation_level=None)
    plain.execute("DROP TABLE callout")
    plain.close()
    with pytest.raises(CampaignError, match="no such table"):
        anyio.run(cap.take, ANN, 1.0)
    cap.close()
