"""Where a contact stands, and what may move it: one table, which every journal obeys.

::

    todo ──claim──> dialing ──accept──> accepted ──end──> done ──redial──> todo
      ^               │  │ └──reject──> rejected            ^
      └──give back────┘  └────doubt───> unknown ────────────┘  (a callback: accept or end)
    todo ──skip──> skipped ──reopen──> todo

Rules:

- A telephone can ring only after ``claim``. From ``todo``, only one claimer ever wins.
- ``give_back`` is for the claimer alone, with proof that its request was not acted on.
- ``unknown`` is left by evidence (a callback of that very attempt) or by a person (``release``), never by itself.
- A callback is evidence that a telephone rang, and so it outweighs even a refusal.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attrs import frozen

__all__ = ["TRANSITIONS", "Change", "ContactState", "Transition", "after"]


class ContactState(StrEnum):
    """Where a contact stands in a campaign."""

    TODO = "todo"
    """Not dialled, or given back, or to be dialled again."""
    DIALING = "dialing"
    """Claimed: a callout may be on its way."""
    ACCEPTED = "accepted"
    """The platform has taken the callout; how the call ends is not known, or not yet."""
    DONE = "done"
    """The call is over, and its result known."""
    REJECTED = "rejected"
    """The platform refused the callout: nothing rang."""
    UNKNOWN = "unknown"
    """The callout was sent and no good answer came: the telephone may have rung. Never dialled again by itself."""
    SKIPPED = "skipped"
    """Not dialled, for a reason that the note tells. The next run looks at it again."""


class Change(StrEnum):
    """What may happen to a contact."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    ACCEPT = "accept"
    REJECT = "reject"
    DOUBT = "doubt"
    END = "end"
    SKIP = "skip"
    REDIAL = "redial"
    REOPEN = "reopen"
    RELEASE = "release"


@frozen
class Transition:
    """A change leads from any of ``sources`` to ``target``, and from anywhere else it does nothing."""

    sources: frozenset[ContactState]
    target: ContactState


def _transition(target: ContactState, *sources: ContactState) -> Transition:
    return Transition(frozenset(sources), target)


_S = ContactState
TRANSITIONS: Final[Mapping[Change, Transition]] = MappingProxyType(
    {
        Change.CLAIM: _transition(_S.DIALING, _S.TODO),
        Change.GIVE_BACK: _transition(_S.TODO, _S.DIALING),
        Change.ACCEPT: _transition(_S.ACCEPTED, _S.DIALING, _S.UNKNOWN, _S.REJECTED),
        Change.REJECT: _transition(_S.REJECTED, _S.DIALING),
        Change.DOUBT: _transition(_S.UNKNOWN, _S.DIALING),
        Change.END: _transition(_S.DONE, _S.DIALING, _S.ACCEPTED, _S.UNKNOWN, _S.REJECTED),
        Change.SKIP: _transition(_S.SKIPPED, _S.TODO, _S.DIALING),
        Change.REDIAL: _transition(_S.TODO, _S.DONE),
        Change.REOPEN: _transition(_S.TODO, _S.SKIPPED),
        Change.RELEASE: _transition(_S.TODO, _S.UNKNOWN, _S.REJECTED, _S.SKIPPED),
    }
)


def after(state: ContactState, change: Change) -> ContactState | None:
    """Return where a change leads from a state, None where it does not apply."""
    transition = TRANSITIONS[change]
    return transition.target if state in transition.sources else None
