"""What is remembered of a call: plain data, in the order in which it happened.

``Entry.kind`` is one of

========== ==================================================================================================
state      the call entered a state; ``text`` is one of placed, ringing, answered, connected, menu, parked,
           conference, stream, final
instruction / action
           a step of SVAML begins; ``text`` is its name, ``data`` the step, without credentials
heard      somebody on the call heard a prompt; ``text`` says what, ``data`` is that of :class:`Heard`
keys       somebody pressed keys, ``text``
callback   an event was sent; ``text`` is its name, ``data`` has ``event`` and ``url``
answer     its answer came, or did not; ``data`` has ``status`` and ``body``, or ``error``
managed    SVAML arrived by PATCH, in ``data``
note       anything else, in words
========== ==================================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Entry", "Heard"]

LOGGED = {"state", "instruction", "action", "callback", "answer", "managed"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, ``at`` exchange seconds since the sandbox was made; ``data`` can be written as JSON."""

    at: float
    kind: str
    text: str
    data: Mapping[str, object] = field(default_factory=dict)

    def summary(self) -> str:
        """Return what a log may say of it: no texts, no keys, no numbers, no query of a URL."""
        members = (self.data.get(name) for name in ("error", "status", "reason", "url"))
        outcome = str(next((each for each in members if each), "")).partition("?")[0]
        # What came from elsewhere must not write lines of its own.
        outcome = outcome.encode("unicode_escape").decode()
        return f"{self.kind:<11} {self.text if self.kind in LOGGED else ''} {outcome}".rstrip()


@dataclass(frozen=True, slots=True)
class Heard:
    """One prompt that was heard: a ``text`` in a ``locale``, or a ``file``: its name or URL; the others are empty.

    ``text`` of SSML is its whole markup. ``seconds`` is how long it takes, unless somebody cuts it short. ``leg`` is
    who heard it: the caller, the callee, or both.
    """

    at: float
    seconds: float
    text: str = ""
    locale: str = ""
    file: str = ""
    leg: str = "callee"
