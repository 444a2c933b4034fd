"""A journal that is open for as long as somebody needs it, however many that are."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from attrs import define, field

from sinch_voice_async.dialer.journal import Journal

__all__ = ["HeldJournal"]


@define(eq=False)
class HeldJournal:
    """Opens the journal of a campaign for the first who needs it, and closes it after the last."""

    campaign: str
    journal: Journal
    _holders: int = 0
    _opening: anyio.Lock = field(init=False)

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Journal, None]:
        """Give the journal, open, for as long as the block lasts.

        :raises JournalError: it cannot be opened, or is of another campaign or version.
        """
        await self.hold()
        try:
            yield self.journal
        finally:
            await self.let_go()

    async def hold(self) -> None:
        """Open it, if nobody has; as often as it is held it must be let go."""
        if not self._holders:
            self._opening = anyio.Lock()  # one of this event loop: a campaign may outlive it
        self._holders += 1
        try:
            # Events come many at once: one of them opens it, and the others wait.
            async with self._opening:
                await self.journal.open(self.campaign)
        except BaseException:
            await self.let_go()
            raise

    async def let_go(self) -> None:
        """Close it, if nobody else holds it."""
        self._holders -= 1
        if not self._holders:
            await self.journal.close()
