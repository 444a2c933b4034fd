"""Waking a thread that waits in an event loop."""

import socket

import anyio

__all__ = ["Bell"]


class Bell:
    """Wakes the thread from any other: anyio has no way to do so that never waits, and a socket has."""

    def __init__(self) -> None:
        self._ear, self._hand = socket.socketpair()
        self._ear.setblocking(False)
        self._is_ringing = False

    def ring(self) -> None:
        """Wake the thread, by whose turn it is; it may be heard only once for several times."""
        if not self._is_ringing:
            self._is_ringing = True
            self._hand.send(b"!")

    async def heard(self, seconds: float | None) -> bool:
        """Wait until it rings; False where it does not in time."""
        with anyio.move_on_after(seconds):
            await anyio.wait_readable(self._ear)
            self._is_ringing = False
            self._ear.recv(1)
            return True
        return False

    def close(self) -> None:
        """Take it down."""
        self._ear.close()
        self._hand.close()
