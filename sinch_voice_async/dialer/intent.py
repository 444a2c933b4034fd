"""The intent id: which attempt a callout is, told to the platform and told back in every event of its call.

It travels in ``custom``, behind what you have put there yourself, and in an ``X-CB-`` header.
"""

import re
import uuid
from typing import Any, Final, TypeVar

import attrs

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.callouts import ConferenceCallout, TtsCallout

__all__ = ["HEADER", "intent_of", "new_token", "own_custom", "with_intent"]

C = TypeVar("C")

HEADER: Final = "X-CB-Intent"
"""The header of a callback in which the intent id comes back."""

_MARK: Final = re.compile(r" ?\[intent:([0-9a-f]{32})\]$")


def new_token() -> str:
    """Return an id that no other attempt has, on any machine."""
    return uuid.uuid4().hex


def with_intent(callout: C, token: str) -> C:
    """Return a callout whose ``custom`` ends with the intent id; one that has no ``custom`` is returned as it is.

    Text-to-speech and conference callouts also get ``enable_dice``, unless you have said otherwise.

    :raises InvalidRequestError: ``custom`` has no room left for the 42 bytes of the id.
    """
    known: Any = callout
    if not attrs.has(type(known)) or "custom" not in attrs.fields_dict(type(known)):
        return callout
    mark = f"[intent:{token}]"
    changes: dict[str, Any] = {"custom": f"{known.custom} {mark}" if known.custom else mark}
    if isinstance(known, (TtsCallout, ConferenceCallout)) and known.enable_dice is None:
        changes["enable_dice"] = True
    try:
        return attrs.evolve(known, **changes)  # type: ignore[no-any-return]
    except InvalidRequestError as problem:
        raise InvalidRequestError(
            "custom must leave 42 of its 1,024 bytes to the intent id of the campaign", field="custom"
        ) from problem


def intent_of(custom: str | None) -> str | None:
    """Return the intent id in the ``custom`` of an event, None where there is none."""
    found = _MARK.search(custom or "")
    return found[1] if found else None


def own_custom(custom: str | None) -> str | None:
    """Return the ``custom`` of an event as your callout had it, without the campaign's intent id."""
    return None if custom is None else _MARK.sub("", custom) or None
