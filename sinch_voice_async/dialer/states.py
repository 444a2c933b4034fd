"""The states of a contact and the changes between them: one table, which every journal obeys.

::

    todo --claim--> dialing --accept--> accepted --end--> done --redial--> todo
      ^               |  |  `--reject--> rejected           ^
      `--give back----'  `--mark unknown--> unknown --------'  (a callback: accept or end)
    todo --skip--> skipped --reopen--> todo

Rules:

- A telephone can ring only after ``claim``. Of several claims of one contact, one wins.
- ``give_back`` needs the attempt id of the claimer and the proof that the platform did not act on the request.
- Only evidence (a callback of that attempt) or a person (``release``) moves a contact out of ``unknown``.
- A callback proves that the platform acted, so it outweighs a refusal.
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
    """Not dialled yet, given back, or waiting to be dialled again."""
    DIALING = "dialing"
    """Claimed: a callout may be on its way."""
    ACCEPTED = "accepted"
    """The platform accepted the callout; the result of the call is not known, or not yet."""
    DONE = "done"
    """The call is over and its result is known."""
    REJECTED = "rejected"
    """The platform refused the callout. No telephone rang."""
    UNKNOWN = "unknown"
    """The callout was sent and no usable answer came: it may have rung. It is never dialled again by itself."""
    SKIPPED = "skipped"
    """Not dialled; the note says why. The next run looks at it again."""


class Change(StrEnum):
    """What may happen to a contact."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    ACCEPT = "accept"
    REJECT = "reject"
    MARK_UNKNOWN = "mark_unknown"
    DOUBT = "mark_unknown"
    """The former name of ``MARK_UNKNOWN``."""
    END = "end"
    SKIP = "skip"
    REDIAL = "redial"
    REOPEN = "reopen"
    RELEASE = "release"


@frozen
class Transition:
    """A change leads from each of ``sources`` to ``target``. From any other state it does nothing."""

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
        Change.MARK_UNKNOWN: _transition(_S.UNKNOWN, _S.DIALING),
        Change.END: _transition(_S.DONE, _S.DIALING, _S.ACCEPTED, _S.UNKNOWN, _S.REJECTED),
        Change.SKIP: _transition(_S.SKIPPED, _S.TODO, _S.DIALING),
        Change.REDIAL: _transition(_S.TODO, _S.DONE),
        Change.REOPEN: _transition(_S.TODO, _S.SKIPPED),
        Change.RELEASE: _transition(_S.TODO, _S.UNKNOWN, _S.REJECTED, _S.SKIPPED),
    }
)


def after(state: ContactState, change: Change) -> ContactState | None:
    """Return the state to which a change leads, None if the change does not apply."""
    transition = TRANSITIONS[change]
    return transition.target if state in transition.sources else None
