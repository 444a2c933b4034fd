"""The registry: every model that JSON is made of or read into, and how its fields are spelled. Nothing is read here.

Rules:

- A field's name on the wire is its Python name in camelCase; a trailing underscore (``from_``) is dropped.
- Fields are found in any casing: the platform's documents spell ``callid``, ``callId`` and ``CallId``.
- Where a tuple of spellings stands in a table below, the first is written and each one is read.
- A class that is not registered cannot be encoded: :func:`registered` refuses it by name.

The modules ``rest_codec`` and ``documents`` register the models. What follows from their facts is
worked out when a class is first used, so that the import stays cheap.
"""

import functools
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs

from sinch_voice_async._wire.json import plain, read_text

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


EXTRA: Final = ""
"""The key of the unknown fields until they reach the field ``extra``; no field of a model has this spelling."""


@attrs.frozen
class Registered:
    """The facts of one model; see :func:`register_model`."""

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
        """Return the class that a JSON object names; raise ``KeyError(tag, reason)`` if it names none."""
        if value.__class__ is not dict:
            raise TypeError("an object is expected")
        name = value.get(self.tag)
        if name.__class__ is str and (cls := self.table.get(name)) is not None:  # as it is documented
            return cls
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
    required: frozenset[str]
    """The canonical spelling of each field without a default."""
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

    def spelling(self, value: Mapping[str, Any], wire: str) -> str:
        """Return how an object itself spells the field whose canonical spelling is ``wire``."""
        return (
            wire
            if value.get(wire) is not None
            else next(key for key, item in value.items() if item is not None and self.aliases.get(key.lower()) == wire)
        )


@functools.lru_cache(maxsize=128)
def _canonical_names(plan: Plan, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return how an object's keys are spelled canonically; None if one is unknown or two mean the same field.

    The platform spells each kind of object in one way or a few, so the answer is cached.
    """
    names = tuple(plan.aliases.get(key.lower(), EXTRA) for key in keys)
    return names if EXTRA not in names and len(set(names)) == len(names) else None


models: Final[dict[type, Registered]] = {}
tags: Final[dict[type, tuple[str, str]]] = {}
"""Class -> (tag, canonical name), which is written beside its fields."""
unions: Final[dict[Any, Tagged]] = {}


class UnregisteredError(TypeError):
    """A class that the codec does not know was to be encoded."""


def register_model(
    cls: type,
    *,
    irregular: Spellings | None = None,
    envelope: str | None = None,
    needs: str | None = None,
    rewrite: Callable[[Callable[[Any], Any]], Callable[[Any], Any]] | None = None,
) -> None:
    """Register one attrs class.

    ``irregular`` names the fields that camelCase does not spell; ``envelope`` is for callouts, which travel as
    ``{"method": envelope, envelope: {...}}``; an object without the field ``needs``, spelled as on the wire, is read as
    None if None is allowed; ``rewrite`` wraps the writer of a class that these rules do not describe.
    """
    models[cls] = Registered(irregular or {}, envelope, needs, rewrite)


def register_tagged(union: Any, *, tag: str, table: Mapping[str, type], unknown: type | None = None) -> None:
    """Register a union of registered classes that the field ``tag`` tells apart.

    ``table`` has the class of each name; if a class has several names, the first is written. An object with another
    name is read as ``unknown``, a model that has the tag as a field; without ``unknown`` it is a fault.
    """
    unions[union] = Tagged(tag, {name.lower(): cls for name, cls in table.items()}, unknown)
    for name, cls in table.items():
        tags.setdefault(cls, (tag, name))


def registered(cls: type) -> type:
    """Return the registered class that an object of ``cls`` is encoded as: itself, or a base with the same fields.

    Raises :class:`UnregisteredError`, which names the class.
    """
    base = next((base for base in cls.__mro__ if base in models), None)
    if base is None or len(attrs.fields(cls)) != len(attrs.fields(base)):
        raise UnregisteredError(f"{cls.__name__} is not a model of this library, so it cannot be encoded")
    return base


@functools.cache
def plan_of(cls: type) -> Plan:
    """Return how the fields of a registered model are spelled."""
    fields = [field for field in attrs.fields(attrs.resolve_types(cls)) if field.name != "extra"]
    spellings = {f.name: models[cls].irregular.get(f.name, (camel_case(f.name),)) for f in fields}
    tag = tags[cls][:1] if cls in tags else ()
    known = {*(names[0] for names in spellings.values()), *tag}
    aliases = {name.lower(): names[0] for names in spellings.values() for name in names}
    return Plan(
        wires={name: names[0] for name, names in spellings.items()},
        types={spellings[f.name][0]: f.type for f in fields},
        required=frozenset(spellings[f.name][0] for f in fields if f.default is attrs.NOTHING),
        known=frozenset(known),
        aliases={**aliases, **{name.lower(): name for name in tag}},
        keeps_unknown=hasattr(attrs.fields(cls), "extra"),
    )


def model_of(type_: Any) -> type | None:
    """Return the registered class behind a type: itself, or the origin of ``Svaml[...]``; None if it has none."""
    cls = get_origin(type_) or type_
    return cls if isinstance(cls, type) and cls in models else None


def options(type_: Any) -> tuple[Any, ...]:
    """Return the members of a union; for any other type, the type alone."""
    return get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)


def is_optional(type_: Any) -> bool:
    """Whether a type is a union that allows None."""
    return len(options(type_)) > 1 and types.NoneType in options(type_)


def required(type_: Any) -> Any:
    """Return a type without its None, and the bound of a type variable."""
    rest = functools.reduce(operator.or_, (option for option in options(type_) if option is not types.NoneType))
    return rest.__bound__ if isinstance(rest, TypeVar) else rest


def known_values(type_: Any) -> tuple[str, ...]:
    """Return the documented values of an open enumeration, ``Literal[...] | str``; nothing for any other type."""
    if str not in options(type_):
        return ()
    return tuple(value for option in options(type_) if get_origin(option) is Literal for value in get_args(option))


def item_of(type_: Any) -> Any:
    """Return the item type of ``tuple[T, ...]`` and ``list[T]``; None for any other type."""
    return get_args(type_)[0] if get_origin(type_) in (tuple, list) else None
