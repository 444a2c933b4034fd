"""snake_case -> camelCase, and the one table of spellings that no rule gives.

Rules:

- A field's name on the wire is its Python name in camelCase; a trailing underscore (``from_``) is dropped.
- Fields are found whatever their casing is: the platform's documents spell ``callid``, ``callId`` and ``CallId``.
- Where a tuple of spellings stands in a table below, the first is written and every one is read.
"""

from collections.abc import Mapping
from typing import TypeAlias

Spellings: TypeAlias = Mapping[str, tuple[str, ...]]
"""Field name -> how it is spelled on the wire where camelCase is not the answer."""

APPLICATION_KEY: Spellings = {"application_key": ("applicationkey",)}
"""All lower-case in the configuration requests and answers; camelCase in events, which need no entry."""

EVENT: Spellings = {"call_id": ("callid", "callId")}
"""All lower-case in the schema of the events and in the signed sample; camelCase in other samples, and elsewhere."""

MOH_CLASS: Spellings = {"moh_class": ("mohClass", "moh")}
"""``mohClass`` in a conference callout; ``moh`` in SVAML and in conference commands, as those fields are named."""

PARTICIPANT: Spellings = {"call_id": ("id", "callId"), "on_hold": ("onhold",)}
"""The reference calls the leg's call id ``id``, its prose ``callId``."""

NUMBER_QUERY: Spellings = {"number": ("number", "numberItem")}
"""The schema says ``number``, its own example ``numberItem``."""


def camel_case(name: str) -> str:
    """Return the camelCase form of a Python name: ``max_duration`` is ``maxDuration`` and ``from_`` is ``from``."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
