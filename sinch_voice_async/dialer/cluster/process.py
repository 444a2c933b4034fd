"""What a worker process of a task queue keeps open: a client, and the shift that dials its batches."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import anyio

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.shift import Shift

__all__ = ["Process"]


class Process:
    """A client and a shift, opened when they are first needed, and kept for all batches of this process.

    They are opened late, since a worker may be started before its campaign is there.
    """

    def __init__(
        self,
        make_campaign: Callable[[], Campaign],
        make_client: Callable[[], AbstractAsyncContextManager[Any]],
        callout: CalloutOf,
    ) -> None:
        self.campaign = make_campaign()
        self._make_client = make_client
        self._callout = callout
        self._opening = anyio.Lock()
        self._stack: AsyncExitStack | None = None
        self._opened: tuple[Any, Shift] | None = None

    async def open(self) -> tuple[Any, Shift]:
        """Return the client and the shift.

        :raises JournalError: the journal cannot be used, or does not have the campaign.
        :raises ConfigurationError: there are no credentials, or the campaign has dropped options.
        """
        async with self._opening:
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def _open(self) -> tuple[Any, Shift]:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._make_client())
            shift = await stack.enter_async_context(self.campaign.shift(client, self._callout))
            self._stack = stack.pop_all()
        return client, shift

    async def aclose(self) -> None:
        """Close both; another batch opens them again."""
        stack, self._stack, self._opened = self._stack, None, None
        if stack is not None:
            with anyio.CancelScope(shield=True):
                await stack.aclose()
