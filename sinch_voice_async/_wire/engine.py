"""Models <-> JSON: one cattrs converter, prepared once per class, and the rules that every model follows.

Rules:

- A field is camelCase on the wire, or as a table of :mod:`~sinch_voice_async._wire.names` spells it. One canonical
  spelling is written; any casing and any listed spelling is read. If two spellings come at once, the canonical wins.
- None is left out; False, 0 and the empty string are sent. A null that comes is as good as absent.
- Unknown fields go to the model's ``extra`` and are written back after the known ones, which they cannot replace.
- Numbers are exact both ways: one with a fraction is a Decimal until a model says otherwise.
- A union of models is told apart by one field, the tag (``name``, ``event``), in any casing; see :func:`register_tagged`.
- A model where a string may stand too (``ice: str | Svaml``) is written as a string of JSON, and read as that string.

Reading is one straight pass that trusts the document; where it fails, :mod:`~sinch_voice_async._wire.locate` reads again
to find the path. Whatever bytes come, the result is the model or :class:`~sinch_voice_async.errors.DecodeError`.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, get_origin

import attrs
from cattrs import Converter
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from sinch_voice_async._wire import scalars
from sinch_voice_async._wire.json_text import BOM, FROM_TEXT, MARK, TO_TEXT, numbers_restored
from sinch_voice_async._wire.locate import FAILURES, explain
from sinch_voice_async._wire.names import Spellings
from sinch_voice_async._wire.registry import (
    EXTRA,
    Registered,
    Tagged,
    is_optional,
    item_of,
    known_values,
    model_of,
    models,
    options,
    plan_of,
    required,
    tags,
    unions,
)
from sinch_voice_async._wire.timestamps import format_timestamp
from sinch_voice_async.errors import DecodeError, InvalidRequestError

T = TypeVar("T")
Reader: TypeAlias = Callable[[Any, Any], Any]
Writer: TypeAlias = Callable[[Any], Any]


def register_model(cls: type, *, irregular: Spellings | None = None, envelope: str | None = None) -> None:
    """Teach the engine one attrs class.

    ``irregular`` names the fields that camelCase does not spell; ``envelope`` is for callouts, which travel as
    ``{"method": envelope, envelope: {...}}``.
    """
    models[cls] = Registered(irregular or {}, envelope)


def register_tagged(union: Any, *, tag: str, table: Mapping[str, type], unknown: type | None = None) -> None:
    """Teach the engine a union of registered classes that the field ``tag`` tells apart.

    ``table`` has the class of each name; where a class has several, the first is written. An object with another name
    is read as ``unknown``, a model that has the tag as a field; without ``unknown`` it is a fault.
    """
    unions[union] = Tagged(tag, {name.lower(): cls for name, cls in table.items()}, unknown)
    for name, cls in table.items():
        tags.setdefault(cls, (tag, name))


def encode(model: object) -> bytes:
    """Return the compact UTF-8 JSON of a model; raise ``InvalidRequestError`` where a field holds what JSON cannot."""
    try:
        return encode_text(model).encode()
    except FAILURES:
        field = _unwritable(model)
    raise InvalidRequestError(f"{field or type(model).__name__} holds what JSON cannot say", field=field)


def encode_text(model: object) -> str:
    """Return the compact JSON of a model as text."""
    text = TO_TEXT(_writer(model.__class__)(model))
    return numbers_restored(text) if MARK in text else text


def decode(body: bytes, type_: type[T], *, status: int | None = None, attempts: int = 0) -> T:
    """Return the model that a JSON document is; raise ``DecodeError`` with the path where it is something else."""
    try:
        return _reader(type_)(FROM_TEXT(body.decode().removeprefix(BOM)), type_)  # type: ignore[no-any-return]
    except FAILURES:
        # Raised below, outside of this block: a JSONDecodeError holds the whole document, and must not travel along.
        path, reason = explain(body, type_, lambda part, part_type: _reader(part_type)(part, part_type))
    name = getattr(type_, "__name__", "document")
    raise DecodeError(f"the body is no {name}: {path}: {reason}", path=path, status=status, attempts=attempts)


_CONVERTER = Converter(detailed_validation=False)


@functools.cache
def _reader(type_: Any) -> Reader:
    return _CONVERTER.get_structure_hook(type_)


@functools.cache
def _writer(type_: Any) -> Writer:
    return _CONVERTER.get_unstructure_hook(type_)


def _unwritable(model: object) -> str | None:
    """Return the name of the first field that cannot be written."""
    for field in attrs.fields(type(model)) if attrs.has(type(model)) else ():
        value = getattr(model, field.name)
        try:
            encode_text(value).encode()
        except FAILURES:
            return field.name
    return None


def _model_reader(type_: Any) -> Reader:
    cls = model_of(type_)
    assert cls is not None
    plan = plan_of(cls)
    spellings: dict[str, Any] = {name: override(rename=wire) for name, wire in plan.wires.items()}
    if plan.keeps_unknown:
        spellings["extra"] = override(rename=EXTRA, struct_hook=lambda unknown, _: unknown)
    build = make_dict_structure_fn(cls, _CONVERTER, _cattrs_detailed_validation=False, **spellings)

    def read(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            raise TypeError("an object is expected")
        if not value.keys() <= plan.known or None in value.values():
            value = plan.tidy(value)
        return build(value, cls)

    envelope = models[cls].envelope
    return read if envelope is None else _out_of_envelope(envelope, read)


def _out_of_envelope(envelope: str, read: Reader) -> Reader:
    def read_enveloped(value: Any, type_: Any) -> Any:
        if value.__class__ is not dict or value.get(envelope).__class__ is not dict:
            return read(value, type_)
        beside = {key: item for key, item in value.items() if key not in ("method", envelope)}
        return read(beside | value[envelope], type_)

    return read_enveloped


def _model_writer(type_: Any) -> Writer:
    cls = model_of(type_)
    assert cls is not None
    plan = plan_of(cls)
    spellings: dict[str, Any] = {
        field.name: override(rename=plan.wires[field.name], omit_if_default=field.default is None)
        for field in attrs.fields(cls)
        if field.name != "extra"
    }
    if plan.keeps_unknown:
        spellings["extra"] = override(omit=True)
    write: Writer = make_dict_unstructure_fn(cls, _CONVERTER, **spellings)
    if plan.keeps_unknown:
        write = _with_unknown(write)
    if cls in tags:
        write = _with_tag(*tags[cls], write)
    envelope = models[cls].envelope
    return write if envelope is None else _in_envelope(envelope, write)


def _with_unknown(write: Writer) -> Writer:
    def write_all(model: Any) -> dict[str, Any]:
        document: dict[str, Any] = write(model)
        for key, value in model.extra.items():
            document.setdefault(key, value)
        return document

    return write_all


def _with_tag(tag: str, name: str, write: Writer) -> Writer:
    return lambda model: {tag: name, **write(model)}


def _in_envelope(envelope: str, write: Writer) -> Writer:
    def write_enveloped(model: Any) -> dict[str, Any]:
        document = write(model)
        request = {"method": envelope, envelope: document}
        if "pop" in document:
            request["pop"] = document.pop("pop")
        return request

    return write_enveloped


def _union_reader(type_: Any) -> Reader:
    choose = unions[type_].choose
    return lambda value, _: _reader(choose(value))(value, _)


def _array_reader(type_: Any) -> Reader:
    item_type = item_of(type_)
    read_item, collect = _reader(item_type), get_origin(type_)

    def read_array(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise TypeError("an array is expected")
        return collect([read_item(item, item_type) for item in value])

    return read_array


def _optional_writer(type_: Any) -> Writer:
    write = _writer(required(type_))
    return write if write is identity else lambda value: None if value is None else write(value)


def _teach(applies: Callable[[Any], bool], reader: Callable[[Any], Reader], writer: Callable[[Any], Writer]) -> None:
    _CONVERTER.register_structure_hook_factory(applies, reader)
    _CONVERTER.register_unstructure_hook_factory(applies, writer)


def _always(hook: T) -> Callable[[Any], T]:
    return lambda _: hook


def _write_any(value: Any) -> Any:
    return _writer(value.__class__)(value)


def _write_inline(value: Any) -> str:
    return value if value.__class__ is str else encode_text(value)


def _is_inline(type_: Any) -> bool:
    return str in options(type_) and any(model_of(option) for option in options(type_))


_SCALARS: Mapping[Any, Reader] = {
    str: scalars.read_text,
    int: scalars.read_int,
    bool: scalars.read_bool,
    Decimal: scalars.read_decimal,
    datetime: scalars.read_datetime,
}
_OBJECTS: Mapping[Any, Reader] = {
    Mapping[str, Any]: scalars.read_object,
    str | Mapping[str, Any]: scalars.read_text_or_object,
}

for _type, _read in _SCALARS.items():
    _CONVERTER.register_structure_hook(_type, _read)
_CONVERTER.register_unstructure_hook(datetime, format_timestamp)
# The last that applies is used.
_teach(lambda t: item_of(t) is not None, _array_reader, lambda t: lambda value: [_write_any(item) for item in value])
_teach(_is_inline, _always(scalars.read_text), _always(_write_inline))
_teach(lambda t: bool(known_values(t)), lambda t: scalars.enumeration_reader(known_values(t)), _always(identity))
_teach(lambda t: t in _OBJECTS, lambda t: _OBJECTS[t], _always(identity))
_teach(lambda t: model_of(t) is not None, _model_reader, _model_writer)
_teach(lambda t: t in unions, _union_reader, _always(_write_any))
_teach(lambda t: is_optional(t) or isinstance(t, TypeVar), lambda t: _reader(required(t)), _optional_writer)
