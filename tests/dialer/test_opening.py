"""A journal is opened once for all who use it at the same time, and closed after the last of them."""

from typing import Any, cast

import anyio
import pytest

from sinch_voice_async import JournalError
from sinch_voice_async.dialer import Campaign


class Door:
    """A journal that takes its time, and refuses to be opened twice."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = [*problems]
        self.is_open = self.is_opening = False
        self.opened = 0

    async def open(self, campaign: str) -> None:
        """Open it, or raise what there is."""
        assert not self.is_opening, campaign
        if not self.is_open:
            self.is_opening = True
            await anyio.sleep(0.001)
            self.is_opening = False
            if self.problems:
                raise self.problems.pop()
            self.is_open = True
            self.opened += 1

    async def claim(self, claim: Any) -> None:
        """Be a journal by its shape."""

    async def close(self) -> None:
        """Close it."""
        self.is_open = False


async def use(campaign: Campaign) -> None:
    """Find it open for as long as one has it."""
    async with campaign:
        door = cast("Any", campaign.journal)
        assert door.is_open
        await anyio.sleep(0.001)
        assert door.is_open


async def test_many_at_once_open_it_once() -> None:
    """Events come by the dozen; each would leave a connection behind that nobody closes."""
    door = Door()
    campaign = Campaign("x", journal=cast("Any", door))
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(use, campaign)
    assert (door.opened, door.is_open) == (1, False)
    await use(campaign)
    assert (door.opened, door.is_open) == (2, False)


async def test_who_comes_after_a_failure_tries_again() -> None:
    """What one of them met is no news about the next."""
    door = Door(JournalError("it is locked"))
    campaign = Campaign("x", journal=cast("Any", door))
    succeeded: list[bool] = []

    async def attempt() -> None:
        try:
            await use(campaign)
        except JournalError:
            succeeded.append(False)
        else:
            succeeded.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attempt)
        tasks.start_soon(attempt)
    assert sorted(succeeded) == [False, True]
    assert not door.is_open


@pytest.mark.parametrize("after", [0.0, 0.0005])
async def test_cancelling_closes_it(after: float) -> None:
    """Also in the middle of opening it."""
    door = Door()
    campaign = Campaign("x", journal=cast("Any", door))
    with anyio.move_on_after(after):
        await use(campaign)
    assert not door.is_open
    door.is_opening = False
    await use(campaign)
    assert not door.is_open
