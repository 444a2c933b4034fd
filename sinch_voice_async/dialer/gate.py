"""Whether anybody may be dialled right now: pause, resume, and stop, which act before the next claim."""

import anyio

__all__ = ["Gate"]


class Gate:
    """Open, shut for a while, or shut for good."""

    def __init__(self) -> None:
        self.shut_because: str | None = None
        self.stopped: bool = False
        self._opened = anyio.Event()
        self._opened.set()

    @property
    def is_open(self) -> bool:
        """Whether a claim may follow."""
        return self.shut_because is None and not self.stopped

    def shut(self, reason: str) -> None:
        """Let nobody through until it is opened; the first reason counts."""
        if self.shut_because is None and not self.stopped:
            self.shut_because = reason
            self._opened = anyio.Event()

    def open(self) -> None:
        """Let everybody through again."""
        self.shut_because = None
        self._opened.set()

    def stop(self) -> None:
        """Let nobody through any more, and nobody wait."""
        self.stopped = True
        self.open()

    async def wait(self) -> bool:
        """Wait until it is open, and say whether it is; False where it was stopped."""
        while self.shut_because is not None:
            await self._opened.wait()
        return not self.stopped
