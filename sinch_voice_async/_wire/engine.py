"""Models <-> JSON: one cattrs converter, prepared once per class, and the rules that every model follows.

Rules:

- A field is camelCase on the wire, or as a table of :mod:`~sinch_voice_async._wire.names` spells it. One canonical
  spelling is written; any casing and any listed spelling is read. If two spellings come at once, the canonical wins.
- None is left out; False, 0 and the empty string are sent. A null that comes is as good as absent.
- Unknown fields go to the model's ``extra`` and are written back after the known ones, which they cannot replace.
- Numbers are exact both ways: one with a fraction is a Decimal until a model says otherwise.
- A union of models is told apart by one field, the tag (``name``, ``event``), in any casing; see
  :func:`register_tagged`.
- A model where a string may stand too (``ice: str | Svaml``) is written as a string of JSON, and read as that string.

Reading is one straight pass that trusts the document; where it fails, :mod:`~sinch_voice_async._wire.locate` reads
again to find the path. Whatever bytes come, the result is the model or
:class:`~sinch_voice_async.errors.DecodeError`.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_origin

import attrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from sinch_voice_async._wire import scalars
from sinch_voice_async._wire.hooks import Reader, Writer, new_converter
from sinch_voice_async._wire.json_text import BOM, FROM_TEXT, MARK, TO_TEXT, numbers_restored
from sinch_voice_async._wire.locate import FAILURES, explain
from sinch_voice_async._wire.names import Spellings
from sinch_voice_async._wire.registry import (
    EXTRA,
    Registered,
    Tagged,
    bound,
    is_optional,
    model_of,
    models,
    options,
    plan_of,
    tags,
    unions,
)
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.inline import Inline

T = TypeVar("T")


def register_model(
    cls: type,
    *,
    irregular: Spellings | None = None,
    envelope: str | None = None,
    needs: str | None = None,
    rewrite: Callable[[Writer], Writer] | None = None,
) -> None:
    """Teach the engine one attrs class.

    ``irregular`` names the fields that camelCase does not spell; ``envelope`` is for callouts, which travel as
    ``{"method": envelope, envelope: {...}}``; an object without the field ``needs``, spelled as on the wire, is read as
    None where None may stand; ``rewrite`` wraps the writer of a class that these rules do not describe.
    """
    models[cls] = Registered(irregular or {}, envelope, needs, rewrite)


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
    name = unions[type_].tag if type_ in unions else type_.__name__
    raise DecodeError(f"the body is no {name}: {path}: {reason}", path=path, status=status, attempts=attempts)


_CONVERTER = new_converter()
_reader: Callable[[Any], Reader] = functools.cache(_CONVERTER.get_structure_hook)
_writer: Callable[[Any], Writer] = functools.cache(_CONVERTER.get_unstructure_hook)


def _unwritable(model: object) -> str | None:
    """Return the name of the first field that cannot be written."""
    for name in (field.name for field in getattr(type(model), "__attrs_attrs__", ())):
        try:
            encode_text(getattr(model, name)).encode()
        except FAILURES:
            return str(name)
    return None


def _model_reader(type_: Any) -> Reader:
    cls: type = model_of(type_) or type_
    plan = plan_of(cls)
    spellings: dict[str, Any] = {name: override(rename=wire) for name, wire in plan.wires.items()}
    if plan.keeps_unknown:
        spellings["extra"] = override(rename=EXTRA, struct_hook=lambda unknown, _: unknown)
    build: Reader = make_dict_structure_fn(bound(cls), _CONVERTER, **spellings)
    known = plan.known

    def read(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            raise TypeError("an object is expected")
        if not value.keys() <= known or None in value.values():
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
    cls: type = model_of(type_) or type_
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
    if (rewrite := models[cls].rewrite) is not None:
        write = rewrite(write)
    envelope = models[cls].envelope
    return write if envelope is None else _in_envelope(envelope, write)


def _with_unknown(write: Writer) -> Writer:
    def write_all(model: Any) -> dict[str, Any]:
        document: dict[str, Any] = write(model)
        if model.extra:
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


def _write_inline(value: Any) -> str:
    return value if value.__class__ is str else encode_text(value)


def _is_model(type_: Any) -> bool:
    return model_of(type_) is not None


def _is_inline(type_: Any) -> bool:
    return not is_optional(type_) and str in options(type_) and any(map(_is_document, options(type_)))


def _is_document(type_: Any) -> bool:
    return isinstance(get_origin(type_) or type_, type) and issubclass(get_origin(type_) or type_, Inline)


def _read_str(value: Any, _: Any) -> str:
    # Here rather than in scalars alone: most of what is read are strings, and nearly all are what they should be.
    return value if value.__class__ is str else scalars.read_text(value)


_CONVERTER.register_structure_hook(str, _read_str)
_CONVERTER.register_structure_hook_factory(_is_inline, lambda _: _read_str)
_CONVERTER.register_unstructure_hook_factory(_is_inline, lambda _: _write_inline)
_CONVERTER.register_structure_hook_factory(_is_model, _model_reader)
_CONVERTER.register_unstructure_hook_factory(_is_model, _model_writer)
