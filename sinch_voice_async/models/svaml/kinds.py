"""What an instruction is and what an action is, and the ones that are newer than this library."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from sinch_voice_async.models.svaml.fields import typed

__all__ = ["Action", "Instruction", "UnknownAction", "UnknownInstruction"]


@frozen
class Open:
    """A model whose wire form may grow: ``extra`` holds the fields that the model does not know, by their wire names.

    They are kept when a document is read, written back with it, and left out of the repr.
    """

    extra: Mapping[str, Any] = field(factory=dict, kw_only=True, hash=False, repr=False)


@frozen(field_transformer=typed)
class Instruction(Open):
    """One step of a document; the platform takes them in order. Voice API, SVAML, Instructions."""


@frozen(field_transformer=typed)
class Action(Open):
    """The one decision of a document: what becomes of the call. Voice API, SVAML, Actions."""


@frozen(field_transformer=typed)
class UnknownInstruction(Instruction):
    """An instruction that this library has no class for: its name, and its fields in ``extra``; written unchanged."""

    name: str


@frozen(field_transformer=typed)
class UnknownAction(Action):
    """An action that this library has no class for: its name, and its fields in ``extra``; written unchanged."""

    name: str
