"""The fields of SVAML: their types and limits, which are checked when you write a document, and the base classes.

Rules:

- Every field of yours is checked against its annotation (``@frozen(field_transformer=typed)``): a wrong type is an
  ``InvalidRequestError`` that names the field. attrs would let it pass, and JSON would fail later.
- A limit is a pure function from a value to its fault, or None. It is checked when you build a model and by
  ``Svaml.check``, and not while a document is read: documents of others are read as they are, and the codec checks
  their types.
- ``extra`` is checked by the codec alone, when it is written.
"""

import functools
import re
import types
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import attrs
from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.destinations import read_caller, read_dialable

__all__ = [
    "Action",
    "Instruction",
    "UnknownAction",
    "UnknownInstruction",
    "at_most_bytes",
    "at_most_characters",
    "count",
    "menu_key",
    "phone_number",
    "seconds",
    "size",
    "tones",
]

T = TypeVar("T")
Rule: TypeAlias = Callable[[Any], str | None]
Validator: TypeAlias = "Callable[[Any, attrs.Attribute[Any], Any], None]"

_WORDS: Final[Mapping[type, str]] = {types.NoneType: "None", tuple: "a list"}
_LIMIT: Final = "limit"
"""The key in a field's metadata of its limit alone, without the check of its type."""

_measuring: ContextVar[bool] = ContextVar("measuring", default=True)


@contextmanager
def as_written() -> Generator[None]:
    """Build models without checking them: for a document that is read, not written."""
    token = _measuring.set(False)
    try:
        yield
    finally:
        _measuring.reset(token)


def limit(rule: Rule) -> Validator:
    """Return an attrs validator that raises ``InvalidRequestError`` with the fault that ``rule`` finds; None passes."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is not None and (fault := rule(value)):
            raise InvalidRequestError(f"{attribute.name} {fault}", field=attribute.name)

    return validate


def without_separators(number: str | None) -> str | None:
    """Return a phone number as it is dialled; a document that is read keeps its own, and ``limit`` names the fault."""
    if _measuring.get():
        try:
            return read_dialable(number, "number")
        except InvalidRequestError:
            pass
    return number


def caller_without_separators(number: str | None) -> str | None:
    """Return the number shown to a callee as it is dialled; a name, and what is read from a document, as it is."""
    return read_caller(number) if isinstance(number, str) and _measuring.get() else number


def measure(model: Any) -> None:
    """Check every limit of a model and of the models in it, as building it does."""
    for attribute, rule in _measured(model.__class__):
        value = getattr(model, attribute.name)
        if rule is not None:
            rule(model, attribute, value)
        for part in value if value.__class__ is tuple else (value,):
            measure(part)


@functools.cache
def _measured(cls: type) -> "tuple[tuple[attrs.Attribute[Any], Validator | None], ...]":
    """Return the fields of a class that have a limit or may hold a model, each with its limit."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    rules = [(field, field.metadata.get(_LIMIT, field.validator)) for field in fields]
    return tuple((field, rule) for field, rule in rules if rule or any(map(attrs.has, sum(_classes(field.type), ()))))


def typed(_: type, fields: "list[attrs.Attribute[Any]]") -> "list[attrs.Attribute[Any]]":
    """Check each field against its annotation: the ``field_transformer`` of every SVAML class."""
    # getattr, because the stubs of attrs leave out "inherited".
    return [field if getattr(field, "inherited", False) else _checked(field) for field in fields]


def listed(values: Iterable[T]) -> tuple[T, ...]:
    """Return a tuple of a list; any other value is left for ``typed`` to refuse, which knows the field."""
    if values.__class__ is list:  # The quick question first, here too.
        return tuple(values)
    given: object = values
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        return tuple(given)
    return cast("tuple[T, ...]", given)


def _checked(field: "attrs.Attribute[Any]") -> "attrs.Attribute[Any]":
    allowed, items = _classes(field.type)
    usual = frozenset(allowed)
    # The values of an open Literal are names, and a name is not empty.
    is_name = any(get_origin(option) is Literal for option in _options(field.type))
    then = field.validator

    def validate(instance: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not _measuring.get():
            return
        if value.__class__ not in usual:  # The quick question first.
            _refuse_unless(value, allowed, attribute.name)
        if is_name and value == "":
            problem = f"{attribute.name} must not be empty; leave it out for the default of the platform"
            raise InvalidRequestError(problem, field=attribute.name)
        if items and value.__class__ is tuple:
            for index, item in enumerate(value):
                if not isinstance(item, items):
                    _refuse_unless(item, items, f"{attribute.name}[{index}]")
        if then is not None:
            then(instance, attribute, value)

    return field.evolve(validator=validate, metadata={**field.metadata, _LIMIT: then})


def _refuse_unless(value: object, allowed: tuple[type, ...], field: str) -> None:
    # True is an int to Python, and no number of seconds.
    if not isinstance(value, allowed) or (type(value) is bool and bool not in allowed):
        wanted = " or ".join(_WORDS.get(cls, cls.__name__) for cls in allowed)
        raise InvalidRequestError(f"{field} must be {wanted}, not {type(value).__name__}", field=field)


def _classes(annotation: Any) -> tuple[tuple[type, ...], tuple[type, ...]]:
    """Return the classes that an annotation allows, and those of the items of a tuple."""
    options = _options(annotation)
    items = next((get_args(option)[:1] for option in options if get_origin(option) is tuple), ())
    return tuple(map(_class, options)), tuple(map(_class, items))


def _options(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (types.UnionType, Union) else (annotation,)


def _class(annotation: Any) -> type:
    # A type variable stands for what bounds it; the only literals here are texts.
    if isinstance(annotation, TypeVar):
        return cast("type", annotation.__bound__)
    return str if get_origin(annotation) is Literal else get_origin(annotation) or annotation


_TONES: Final = re.compile(r"[0-9#w]+")
_MENU_KEY: Final = re.compile(r"[0-9*#]+")


def tones(value: str) -> str | None:
    """Allow DTMF to send: digits, ``#``, and ``w`` for a pause of 500 ms."""
    return None if _TONES.fullmatch(value) else "may hold only the tones 0-9 and #, and w for a pause of half a second"


def menu_key(value: str) -> str | None:
    """Allow DTMF to wait for: digits, ``#`` or ``*``. The documents show digits alone and do not mention the others."""
    return None if _MENU_KEY.fullmatch(value) else "must be what a caller can press: 0-9, * or #"


def phone_number(value: str) -> str | None:
    """Allow a number that can be dialled as it stands: E.164, with or without the plus."""
    try:
        read_dialable(value, "must be a phone number in E.164 form and")
    except InvalidRequestError as problem:
        return str(problem)
    return None


def count(value: int) -> str | None:
    """Allow a number of things, milliseconds or seconds without a documented limit."""
    return None if value >= 0 else "must be 0 or more"


def seconds(most: int) -> Callable[[int], str | None]:
    """Allow a duration of at most so many seconds."""
    return lambda value: None if 0 <= value <= most else f"must be 0 to {most} seconds"


def at_most_characters(most: int) -> Callable[[str], str | None]:
    """Allow a text of 1 to so many characters."""
    return lambda value: None if 1 <= len(value) <= most else f"must have 1 to {most} characters, and has {len(value)}"


def at_most_bytes(most: int, texts: Iterable[str]) -> str | None:
    """Allow keys and values that together have at most so many bytes of UTF-8."""
    found = sum(map(size, texts))
    return None if found <= most else f"must have at most {most} bytes in all, keys included, and has {found}"


def size(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate counts as three."""
    return len(text.encode("utf-8", "surrogatepass"))


@frozen
class Open:
    """A model whose wire form may grow: ``extra`` holds the fields that the model does not know, by their wire names.

    They are kept when a document is read, written back with it, and left out of the repr.
    """

    extra: Mapping[str, Any] = field(factory=dict, kw_only=True, hash=False, repr=False)


@frozen(field_transformer=typed)
class Instruction(Open):
    """One step of a document; the platform carries out the steps in order.

    Source: SVAML, Instructions.
    """


@frozen(field_transformer=typed)
class Action(Open):
    """The one decision of a document: how the call continues.

    Source: SVAML, Actions.
    """


@frozen(field_transformer=typed)
class UnknownInstruction(Instruction):
    """An instruction without a class of its own: its name, and its fields in ``extra``; it is written unchanged."""

    name: str


@frozen(field_transformer=typed)
class UnknownAction(Action):
    """An action without a class of its own: its name, and its fields in ``extra``; it is written unchanged."""

    name: str
