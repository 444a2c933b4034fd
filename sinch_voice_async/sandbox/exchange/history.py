"""The calls that a sandbox remembers: every one that lasts, and the newest of those that are over."""

from collections import deque
from collections.abc import Callable, Iterator

from sinch_voice_async.sandbox.exchange.calls import Call

__all__ = ["Calls"]


class Calls:
    """The calls of a sandbox, oldest first: iterable, counted by ``len``, found by call id with ``calls[call_id]``.

    Of those that are over, the newest ``history`` are kept: the rest is forgotten, as if there had been no such call.
    """

    def __init__(self, history: int) -> None:
        self.history: int = history
        self.placed: int = 0
        """How many callouts were accepted, forgotten ones included."""
        self.cleared: int = 0
        """How often every call was forgotten at once."""
        self._by_id: dict[str, Call] = {}
        self._over: deque[str] = deque()
        self._forgets: Callable[[str], None] | None = None

    def __iter__(self) -> Iterator[Call]:
        # A copy, which one thread may walk while another places a call.
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, call_id: str) -> Call:
        return self._by_id[call_id]

    def get(self, call_id: str) -> Call | None:
        """Return a call, or None where there is none with this id."""
        return self._by_id.get(call_id)

    def add(self, call: Call) -> None:
        """Keep a call."""
        self._by_id[call.call_id] = call
        self.placed += not call.is_inbound

    def end(self, call: Call) -> None:
        """Take note that a call is over, and forget the one that has been for longest where there are too many."""
        self._over.append(call.call_id)
        while len(self._over) > self.history:
            self._forget(self._over.popleft())

    def restore(self, call: Call) -> None:
        """Keep a call of another time, which is over."""
        self._by_id[call.call_id] = call
        self.end(call)

    def watch(self, forgets: Callable[[str], None]) -> None:
        """Have a function called with the id of each call that is forgotten."""
        self._forgets = forgets

    def clear(self) -> None:
        """Forget every call, and that there were any."""
        for call_id in list(self._by_id):
            self._forget(call_id)
        self._over.clear()
        self.placed = 0
        self.cleared += 1

    def _forget(self, call_id: str) -> None:
        self._by_id.pop(call_id, None)
        if self._forgets is not None:
            self._forgets(call_id)
