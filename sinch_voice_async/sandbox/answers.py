"""Answers for the application: SVAML for an event to which the application does not answer, or in its place."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Answer", "Answers", "When"]

When = Literal["always", "noAnswer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """SVAML for one event; ``times`` is how many calls it still answers, None for all."""

    svaml: Mapping[str, object]
    when: When
    times: int | None = None


class Answers:
    """The answers of a sandbox by event: ice, ace or pie. Safe from any thread."""

    def __init__(self) -> None:
        self._by_event: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[str, Answer]]:
        return iter(list(self._by_event.items()))

    def get(self, event: str) -> Answer | None:
        """Return the answer for an event, None if it has no answer."""
        return self._by_event.get(event)

    def set(self, event: str, answer: Answer) -> None:
        """Answer an event from now on."""
        self._by_event[event] = answer

    def remove(self, event: str) -> None:
        """Leave an event to the application."""
        self._by_event.pop(event, None)

    def clear(self) -> None:
        """Leave every event to the application."""
        self._by_event.clear()

    def take(self, event: str, *, when: When) -> bytes | None:
        """Return the SVAML for an event as JSON and count it, None if it has no answer now."""
        with self._lock:
            answer = self._by_event.get(event)
            if answer is None or answer.when != when:
                return None
            if answer.times is not None:
                left = answer.times - 1
                if left:
                    self._by_event[event] = Answer(answer.svaml, when, left)
                else:
                    self.remove(event)
        return json.dumps(answer.svaml).encode()
