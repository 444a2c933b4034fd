"""Which models there are, how their fields are spelled, and which unions are told apart by a tag. Nothing is read here.

The facts are filled in at import, by :func:`~sinch_voice_async._wire.engine.register_model` and ``register_tagged``;
what follows from them is worked out when a class is first met, so that importing stays cheap.
"""

import functools
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from sinch_voice_async._wire.names import Spellings, camel_case
from sinch_voice_async._wire.scalars import plain, read_text

EXTRA = ""
"""Where unknown fields wait for the field ``extra``: no field of a model is spelled like this."""


@attrs.frozen
class Registered:
    """What was said of one model; see ``register_model``."""

    irregular: Spellings
    envelope: str | None
    needs: str | None
    rewrite: Callable[[Callable[[Any], Any]], Callable[[Any], Any]] | None


@attrs.frozen
class Tagged:
    """A union of models told apart by the field ``tag``: ``table`` has the classes by lower-case name."""

    tag: str
    table: Mapping[str, type]
    unknown: type | None

    def choose(self, value: Any) -> type:
        """Return the class that a JSON object says it is; raise ``KeyError(tag, reason)`` where it says none."""
        if value.__class__ is not dict:
            raise TypeError("an object is expected")
        name = value.get(self.tag)
        if name is None:
            name = next((value[key] for key in value if key.lower() == self.tag), None)
        if name is None:
            raise KeyError(self.tag, "it is missing")
        try:
            cls = self.table.get(read_text(name).lower(), self.unknown)
        except TypeError as error:
            raise KeyError(self.tag, str(error)) from None
        if cls is None:
            raise KeyError(self.tag, f"it is none of {', '.join(self.table)}")
        return cls


@attrs.frozen(eq=False)
class Plan:
    """How the fields of one model are spelled."""

    wires: Mapping[str, str]
    """Field name -> canonical spelling."""
    types: Mapping[str, Any]
    """Canonical spelling -> type."""
    known: frozenset[str]
    """Every canonical spelling, and the tag: an object that has no other key needs no tidying."""
    aliases: Mapping[str, str]
    """Lower-case spelling -> canonical spelling."""
    keeps_unknown: bool

    def tidy(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known fields under their canonical spelling, without nulls, and the unknown ones under EXTRA."""
        names = _canonical_names(self, tuple(value))
        if names is not None and None not in value.values():
            return dict(zip(names, value.values(), strict=True))
        fields = {key: item for key, item in value.items() if key in self.known and item is not None}
        unknown = {}
        for key in [key for key in value if key not in self.known]:
            canonical = self.aliases.get(key.lower())
            if canonical is None or canonical in fields:
                unknown[key] = plain(value[key])
            elif value[key] is not None:
                fields[canonical] = value[key]
        if unknown and self.keeps_unknown:
            fields[EXTRA] = unknown
        return fields


@functools.lru_cache(maxsize=128)
def _canonical_names(plan: Plan, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return how an object's keys are spelled canonically; None where one is unknown or two mean the same.

    The platform spells each kind of object in one way, or few, which need not be worked out each time.
    """
    names = tuple(plan.aliases.get(key.lower(), EXTRA) for key in keys)
    return names if EXTRA not in names and len(set(names)) == len(names) else None


models: dict[type, Registered] = {}
tags: dict[type, tuple[str, str]] = {}
"""Class -> (tag, canonical name): what is written beside its fields."""
unions: dict[Any, Tagged] = {}


@functools.cache
def plan_of(cls: type) -> Plan:
    """Return how a registered model is spelled."""
    fields = [field for field in attrs.fields(attrs.resolve_types(cls)) if field.name != "extra"]
    spellings = {f.name: models[cls].irregular.get(f.name, (camel_case(f.name),)) for f in fields}
    tag = tags[cls][:1] if cls in tags else ()
    known = {*(names[0] for names in spellings.values()), *tag}
    aliases = {name.lower(): names[0] for names in spellings.values() for name in names}
    return Plan(
        wires={name: names[0] for name, names in spellings.items()},
        types={spellings[f.name][0]: f.type for f in fields},
        known=frozenset(known),
        aliases={**aliases, **{name.lower(): name for name in tag}},
        keeps_unknown=hasattr(attrs.fields(cls), "extra"),
    )


def model_of(type_: Any) -> type | None:
    """Return the registered class behind a type: itself, or the origin of ``Svaml[...]``; None where there is none."""
    cls = get_origin(type_) or type_
    return cls if isinstance(cls, type) and cls in models else None


def bound(cls: Any) -> Any:
    """Return a generic class at its widest, ``Svaml[Instruction, Action]``; any other as it is."""
    parameters = getattr(cls, "__parameters__", ())
    return cls[tuple(parameter.__bound__ for parameter in parameters)] if parameters else cls


def options(type_: Any) -> tuple[Any, ...]:
    """Return what a union may be; of anything else, the type alone."""
    return get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)


def is_optional(type_: Any) -> bool:
    """Whether None may stand there beside something else."""
    return len(options(type_)) > 1 and types.NoneType in options(type_)


def required(type_: Any) -> Any:
    """Return a type without its None, and the bound of a type variable."""
    rest = functools.reduce(operator.or_, (option for option in options(type_) if option is not types.NoneType))
    return rest.__bound__ if isinstance(rest, TypeVar) else rest


def known_values(type_: Any) -> tuple[str, ...]:
    """Return the documented values of an open enumeration, ``Literal[...] | str``; nothing of any other type."""
    if str not in options(type_):
        return ()
    return tuple(value for option in options(type_) if get_origin(option) is Literal for value in get_args(option))


def item_of(type_: Any) -> Any:
    """Return the item type of ``tuple[T, ...]`` and ``list[T]``; None of any other type."""
    return get_args(type_)[0] if get_origin(type_) in (tuple, list) else None
