"""What the fields of SVAML have in common: their types are checked always, their limits when you write them.

Rules:

- Every field is checked against its annotation (``@frozen(field_transformer=typed)``): a wrong type is an
  ``InvalidRequestError`` naming the field, where attrs would let it pass and JSON would fail later.
- A limit is a pure function, value -> what is wrong with it or None. It is checked when you build a model and by
  ``Svaml.check``, and not while a stored document is read: other people's documents are read as they are.
"""

import types
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import attrs

from sinch_voice_async.errors import InvalidRequestError

T = TypeVar("T")
Rule: TypeAlias = Callable[[Any], str | None]
Validator: TypeAlias = "Callable[[Any, attrs.Attribute[Any], Any], None]"

_WORDS: Final[Mapping[type, str]] = {types.NoneType: "None", tuple: "a list", Mapping: "a mapping"}
_measuring: ContextVar[bool] = ContextVar("measuring", default=True)


@contextmanager
def as_written() -> Generator[None]:
    """Build models without checking limits: for a document that is read, not written."""
    token = _measuring.set(False)
    try:
        yield
    finally:
        _measuring.reset(token)


def limit(rule: Rule) -> Validator:
    """An attrs validator that raises ``InvalidRequestError`` with what ``rule`` finds wrong; None is always allowed."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is not None and _measuring.get() and (fault := rule(value)):
            raise InvalidRequestError(f"{attribute.name} {fault}", field=attribute.name)

    return validate


def measure(model: object) -> None:
    """Check every limit of a model and of the models in it, as building it would have."""
    if isinstance(model, tuple):
        for part in model:
            measure(part)
    elif attrs.has(type(model)):
        attrs.validate(model)  # type: ignore[arg-type]  # has() does not narrow an object to an attrs instance
        for field in attrs.fields(type(model)):
            measure(getattr(model, field.name))


def typed(_: type, fields: "list[attrs.Attribute[Any]]") -> "list[attrs.Attribute[Any]]":
    """The ``field_transformer`` of every SVAML class: each field is checked against its annotation first."""
    # getattr, because the stubs of attrs leave out "inherited".
    return [field if getattr(field, "inherited", False) else _checked(field) for field in fields]


def listed(values: Iterable[T]) -> tuple[T, ...]:
    """Make a tuple of a list; what is no list is left for ``typed`` to refuse, which knows the field."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
        return tuple(values)
    return values  # type: ignore[unreachable]  # callers without a type checker get here


def _checked(field: "attrs.Attribute[Any]") -> "attrs.Attribute[Any]":
    allowed, items = _classes(field.type)
    wanted = " or ".join(_WORDS.get(cls, cls.__name__) for cls in allowed)
    then = field.validator

    def validate(instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not _fits(value, allowed):
            raise InvalidRequestError(f"{attribute.name} must be {wanted}, not {type(value).__name__}", field=attribute.name)
        if items and isinstance(value, tuple):
            for index, item in enumerate(value):
                if not _fits(item, items):
                    where = f"{attribute.name}[{index}]"
                    raise InvalidRequestError(f"{where} cannot be of type {type(item).__name__}", field=where)
        if then is not None:
            then(instance, attribute, value)

    return field.evolve(validator=validate)


def _fits(value: object, allowed: tuple[type, ...]) -> bool:
    # True is an int to Python, and no number of seconds.
    return isinstance(value, allowed) and (type(value) is not bool or bool in allowed)


def _classes(annotation: Any) -> tuple[tuple[type, ...], tuple[type, ...]]:
    """The classes that an annotation allows, and those of the items where it is a tuple."""
    options = get_args(annotation) if get_origin(annotation) in (types.UnionType, Union) else (annotation,)
    items = next((get_args(option)[:1] for option in options if get_origin(option) is tuple), ())
    return tuple(map(_class, options)), tuple(map(_class, items))


def _class(annotation: Any) -> type:
    # A type variable stands for what bounds it; the only literals here are texts.
    if isinstance(annotation, TypeVar):
        return cast("type", annotation.__bound__)
    return str if get_origin(annotation) is Literal else get_origin(annotation) or annotation
