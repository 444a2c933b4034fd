"""Models <-> JSON: one cattrs converter, prepared once per class, and the rules that every model follows.

Rules:

- A field is camelCase on the wire, or as a table of :mod:`~sinch_voice_async._wire.registry` spells it. One canonical
  spelling is written; any casing and any listed spelling is read. If two spellings come at once, the canonical one
  counts.
- None is left out, and so is an empty list or model that nothing was read into; False, 0 and the empty string are sent.
  A null that comes counts as absent.
- Unknown fields go to the model's ``extra`` and are written back after the known ones, which they cannot replace.
- Numbers are exact both ways: one with a fraction is a Decimal until a model says otherwise.
- A union of models is told apart by one field, the tag (``name``, ``event``), in any casing; see
  :func:`~sinch_voice_async._wire.registry.register_tagged`.
- A model where a string is allowed too (``ice: str | Svaml``) is written as a string of JSON, and read as that string.
- A class that is not registered is refused by name.

Reading is one straight pass that trusts the document. If it fails, :func:`decode` reads once more and saves what can be
saved: an optional field of a wrong shape is ``None``, and its raw value stands in ``extra`` under the name that it came
with. If a required field is wrong, :mod:`~sinch_voice_async._wire.codec` finds the path. The result of any bytes is
the model or :class:`~sinch_voice_async.errors.DecodeError`.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from decimal import Decimal
from types import MemberDescriptorType
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, get_origin

import attrs
from cattrs import Converter
from cattrs.fns import identity
from cattrs.gen import make_dict_unstructure_fn, override

from sinch_voice_async._wire.json import (
    BOM,
    FROM_TEXT,
    MARK,
    ODD_FROM_TEXT,
    SCAN,
    TO_PIECES,
    canonical_values,
    enumeration_reader,
    format_timestamp,
    marked,
    numbers_restored,
    parse_timestamp,
    plain,
    read_bool,
    read_datetime,
    read_decimal,
    read_int,
    read_object,
    read_text,
    read_text_or_json,
    read_text_or_object,
    writer,
)
from sinch_voice_async._wire.registry import (
    EXTRA,
    Plan,
    UnregisteredError,
    is_optional,
    item_of,
    known_values,
    model_of,
    models,
    options,
    plan_of,
    register_model,
    register_tagged,
    registered,
    required,
    tags,
    unions,
)
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.fields import Absent, Inline, TextOrJson

__all__ = ["Writer", "decode", "encode", "encode_json", "encode_text", "register_model", "register_tagged"]

T = TypeVar("T")
Reader: TypeAlias = Callable[[Any, Any], Any]
Writer: TypeAlias = Callable[[Any], Any]

FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""All exceptions that reading a document can raise."""


def encode(model: object) -> bytes:
    """Return the compact UTF-8 JSON of a model.

    :raises InvalidRequestError: a field holds what JSON cannot, or the class is not registered.
    """
    try:
        return encode_text(model).encode()
    except UnregisteredError as error:
        reason, field = str(error), None
    except FAILURES:
        field = _unwritable(model)
        reason = f"{field or type(model).__name__} holds a value that JSON cannot hold"
    raise InvalidRequestError(reason, field=field)


def encode_json(document: object) -> bytes:
    """Return the compact UTF-8 JSON of plain values, among which registered models may stand.

    :raises InvalidRequestError: JSON cannot hold one of the values, or a class is not registered.
    """
    try:
        text = _PLAIN_TO_TEXT(document)
        return (numbers_restored(text) if MARK in text else text).encode()
    except UnregisteredError as error:
        reason = f"body: {error}"
    except FAILURES:
        reason = "body holds a value that JSON cannot hold"
    raise InvalidRequestError(reason, field="body")


def encode_text(model: object) -> str:
    """Return the compact JSON of a model as text."""
    text = "".join(TO_PIECES(_writer(model.__class__)(model), 0))
    return numbers_restored(text) if MARK in text else text


def decode(body: bytes, type_: type[T], *, status: int | None = None, attempts: int = 0, strict: bool = False) -> T:
    """Return the model that a JSON document holds.

    ``strict`` refuses an optional field of a wrong shape, which is saved in ``extra`` otherwise.

    :raises DecodeError: the document is something else; ``path`` says where.
    """
    try:
        return _reader(type_)(_parsed(body.decode().removeprefix(BOM)), type_)  # type: ignore[no-any-return]
    except FAILURES:
        pass
    # Outside of the block above: a JSONDecodeError holds the whole document, and must not travel along.
    if not strict:
        try:
            return _salvaged(ODD_FROM_TEXT(body.decode().removeprefix(BOM)), type_)  # type: ignore[no-any-return]
        except FAILURES:
            pass
    path, reason = explain(body, type_, _read_strictly if strict else _salvaged, strict=strict)
    name = unions[type_].tag if type_ in unions else type_.__name__
    raise DecodeError(f"the body is not {_a(name)}: {path}: {reason}", path=path, status=status, attempts=attempts)


def _parsed(text: str) -> Any:
    """Do as ``FROM_TEXT``, without its search for white space if there is none."""
    try:
        value, end = SCAN(text, 0)
    except StopIteration:  # it begins with white space, or is not JSON
        return FROM_TEXT(text)
    return value if end == len(text) else FROM_TEXT(text)


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _read_strictly(value: Any, type_: Any) -> Any:
    return _reader(type_)(value, type_)


def _salvaged(value: Any, type_: Any) -> Any:
    """Read a part of a document; leave out the optional fields that cannot be read."""
    try:
        return _read_strictly(value, type_)
    except FAILURES:
        inner = required(type_)
        cls = model_of(unions[inner].choose(value) if inner in unions else inner)
        if item_of(inner) is not None and value.__class__ is list:
            return get_origin(inner)(_salvaged(item, item_of(inner)) for item in value)
        if cls is None or value.__class__ is not dict:
            raise
    return _salvaged_model(value, cls)


def _salvaged_model(value: Mapping[str, Any], cls: Any) -> Any:
    plan = plan_of(cls)
    fields = plan.tidy(value)
    extra = dict(fields.get(EXTRA, {}))
    arguments: dict[str, Any] = {}
    for field in attrs.fields(cls):
        wire = plan.wires.get(field.name, EXTRA)
        if wire not in fields or wire is EXTRA:
            if wire in plan.required:
                raise KeyError(wire)
            continue
        try:
            arguments[field.alias], is_whole = _salvaged_field(fields[wire], field.type)
        except FAILURES:
            if field.default is attrs.NOTHING:
                raise
            is_whole = False
        if not is_whole:
            extra[plan.spelling(value, wire)] = plain(fields[wire])
    return cls(**arguments, extra=extra) if plan.keeps_unknown else cls(**arguments)


def _salvaged_field(value: Any, type_: Any) -> tuple[Any, bool]:
    """Return what a field is read as, and whether nothing of it was left out: of a list, the items that can be read."""
    try:
        return _salvaged(value, type_), True
    except FAILURES:
        inner = required(type_)
        item_type = item_of(inner)
        if item_type is None or value.__class__ is not list:
            raise
    items = []
    for item in value:
        try:
            items.append(_salvaged(item, item_type))
        except FAILURES:
            continue
    return get_origin(inner)(items), False


def _unwritable(model: object) -> str | None:
    """Return the name of the first field that cannot be written."""
    for name in (field.name for field in getattr(type(model), "__attrs_attrs__", ())):
        try:
            encode_text(getattr(model, name)).encode()
        except FAILURES:
            return str(name)
    return None


def _model_reader(type_: Any, converter: Converter) -> Reader:
    """Return the reader of a class, a generated function: what is usual needs neither a loop nor a call."""
    cls: type = model_of(type_) or type_
    names: dict[str, Any] = {"cls": cls, "new": cls.__new__, "set_": object.__setattr__, "plan": plan_of(cls)}
    source = "\n    ".join(["def read(value, _):", *_reader_lines(cls, names, converter)])
    exec(compile(source, f"<reader of {cls.__name__}>", "exec"), names)  # noqa: S102  # names of our own models alone
    read: Reader = names["read"]
    envelope = models[cls].envelope
    return read if envelope is None else _out_of_envelope(envelope, read)


def _reader_lines(cls: type, names: dict[str, Any], converter: Converter) -> list[str]:
    """Return the lines of a reader.

    They take each field from the document and count those that are there. If something else is there too (an unknown
    field, another spelling, a null), the document is tidied first.
    """
    plan = plan_of(cls)
    wires = {field.name: wire for field in attrs.fields(cls) if (wire := plan.wires.get(field.name)) is not None}
    tag = tags[cls][0] if cls in tags else None
    took = [f"its_{name} = get({wire!r})" for name, wire in wires.items()]
    there = [f"its_{name}" for name in wires] + ([f"get({tag!r})"] if tag and tag not in wires.values() else [])
    return [
        "if value.__class__ is not dict:",
        "    raise TypeError('an object is expected')",
        "get = value.get",
        *took,
        f"there = {len(there)}",
        *(line for each in there for line in (f"if {each} is None:", "    there -= 1")),
        "extra = {}",
        "if there != len(value):",
        "    value = plan.tidy(value)",
        "    get = value.get",
        *(f"    {line}" for line in took),
        f"    extra = get({EXTRA!r}) or extra",
        *_maker_lines(cls, names, {f.alias: _expression(f, plan, names, converter) for f in attrs.fields(cls)}),
    ]


def _maker_lines(cls: type, names: dict[str, Any], parts: Mapping[str, str]) -> list[str]:
    """Return the lines that make the model: without its constructor, if that does nothing but to set the fields."""
    fields = attrs.fields(cls)
    checked = any(field.validator or field.converter for field in fields) or hasattr(cls, "__attrs_post_init__")
    if not checked and cls.__dictoffset__:
        items = ", ".join(f"{field.name!r}: {parts[field.alias]}" for field in fields)
        return ["made = new(cls)", f"set_(made, '__dict__', {{{items}}})", "return made"]
    slots = {field.name: getattr(cls, field.name, None) for field in fields}
    if not checked and all(isinstance(slot, MemberDescriptorType) for slot in slots.values()):
        names.update({f"set_{name}": slot.__set__ for name, slot in slots.items()})  # type: ignore[union-attr]
        return ["made = new(cls)", *(f"set_{f.name}(made, {parts[f.alias]})" for f in fields), "return made"]
    return [f"return cls({', '.join(f'{alias}={part}' for alias, part in parts.items())})"]


def _expression(field: "attrs.Attribute[Any]", plan: Plan, names: dict[str, Any], converter: Converter) -> str:
    """Return the source that reads one field, and put what it needs among the names."""
    if field.name == "extra":
        return "extra"
    read, default = _value_expression(field, names, converter), f"default_{field.name}"
    if field.default is attrs.NOTHING:
        names["missing"] = _missing
        return f"{read} if its_{field.name} is not None else missing({plan.wires[field.name]!r})"
    names[default] = field.default
    if (factory := getattr(field.default, "factory", None)) is not None:
        names[default], default = factory, f"{default}()"
    return f"{default} if its_{field.name} is None else {read}"


def _value_expression(field: "attrs.Attribute[Any]", names: dict[str, Any], converter: Converter) -> str:
    """Return the source that reads the value of a field that is there; a value of the right class stays as it is."""
    value, name = f"its_{field.name}", f"read_{field.name}"
    hook, read = converter.get_structure_hook(field.type), f"{name}({value}, None)"
    names |= {name: hook, "parse_timestamp": parse_timestamp, "Decimal": Decimal}
    if hook in _TAKEN:
        return f"{value} if {value}.__class__ is {_TAKEN[hook]} else {read}"
    if hook is read_datetime:
        return f"parse_timestamp({value}) if {value}.__class__ is str else {read}"
    if known := known_values(field.type):
        names[f"known_{field.name}"] = canonical_values(known)
        return f"({value}.__class__ is str and known_{field.name}.get({value})) or {read}"
    return read


def _missing(wire: str) -> NoReturn:
    raise KeyError(wire)


def _out_of_envelope(envelope: str, read: Reader) -> Reader:
    def read_enveloped(value: Any, type_: Any) -> Any:
        if value.__class__ is not dict or value.get(envelope).__class__ is not dict:
            return read(value, type_)
        beside = {key: item for key, item in value.items() if key not in ("method", envelope)}
        return read(beside | value[envelope], type_)

    return read_enveloped


def _model_writer(type_: Any, converter: Converter) -> Writer:
    cls: type = model_of(type_) or type_
    plan = plan_of(cls)
    spellings: dict[str, Any] = {
        field.name: override(rename=plan.wires[field.name], omit_if_default=_is_absence(field.default))
        for field in attrs.fields(cls)
        if field.name != "extra"
    }
    if plan.keeps_unknown:
        spellings["extra"] = override(omit=True)
    write: Writer = make_dict_unstructure_fn(cls, converter, **spellings)
    lists = {f.name: plan.wires[f.name] for f in attrs.fields(cls) if isinstance(f.default, Absent)}
    if lists:
        write = _without_absent(lists, write)
    if plan.keeps_unknown:
        write = _with_unknown(write)
    if cls in tags:
        write = _with_tag(*tags[cls], write)
    if (rewrite := models[cls].rewrite) is not None:
        write = rewrite(write)
    envelope = models[cls].envelope
    return write if envelope is None else _in_envelope(envelope, write)


def _is_absence(default: object) -> bool:
    """Whether a field that has its default is left out."""
    return default is None or attrs.has(default.__class__)


def _without_absent(lists: Mapping[str, str], write: Writer) -> Writer:
    def write_given(model: Any) -> dict[str, Any]:
        document: dict[str, Any] = write(model)
        for name, wire in lists.items():
            if getattr(model, name).__class__ is Absent:
                del document[wire]
        return document

    return write_given


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


def _foreign_writer(type_: Any, converter: Converter) -> Writer:
    """Return the writer of a class that is not registered: that of a base with the same fields, or a refusal."""
    write: Writer = converter.get_unstructure_hook(registered(type_))
    return write


def _read_array(type_: Any, converter: Converter) -> Reader:
    item_type, collect = item_of(type_), get_origin(type_)
    read_item = converter.get_structure_hook(item_type)

    def read_array(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise TypeError("an array is expected")
        return collect([read_item(item, item_type) for item in value])

    return read_array


def _array_writer(type_: Any, converter: Converter) -> Writer:
    write_item = converter.get_unstructure_hook(item_of(type_))
    return lambda items: [write_item(item) for item in items]


def _union_reader(type_: Any, converter: Converter) -> Reader:
    choose, reader_of = unions[type_].choose, functools.cache(converter.get_structure_hook)
    return lambda value, _: reader_of(choose(value))(value, _)


def _any_writer(_: Any, converter: Converter) -> Writer:
    writer_of = functools.cache(converter.get_unstructure_hook)
    return lambda value: writer_of(value.__class__)(value)


def _resolved_reader(type_: Any, converter: Converter) -> Reader:
    needs = models[required(type_)].needs if required(type_) in models else None
    read: Reader = converter.get_structure_hook(required(type_))
    if needs is None or not is_optional(type_):
        return read
    plan = plan_of(required(type_))

    def read_unless_blank(value: Any, _: Any) -> Any:
        blank = value.__class__ is dict and value.get(needs) is None and needs not in plan.tidy(value)
        return None if blank else read(value, _)

    return read_unless_blank


def _resolved_writer(type_: Any, converter: Converter) -> Writer:
    write: Writer = converter.get_unstructure_hook(required(type_))
    return write if write is identity else lambda value: None if value is None else write(value)


def _same(_: Any, __: Converter) -> Writer:
    return identity


def _write_inline(value: Any) -> str:
    return value if value.__class__ is str else encode_text(value)


def _is_inline(type_: Any) -> bool:
    return not is_optional(type_) and str in options(type_) and any(map(_is_document, options(type_)))


def _is_document(type_: Any) -> bool:
    return isinstance(get_origin(type_) or type_, type) and issubclass(get_origin(type_) or type_, Inline)


def _read_str(value: Any, _: Any) -> str:
    # Here rather than in scalars alone: most values are strings, and nearly all of these are read as they are.
    return value if value.__class__ is str else read_text(value)


_TAKEN: Final[Mapping[Reader, str]] = {_read_str: "str", read_int: "int", read_bool: "bool", read_decimal: "Decimal"}
"""The class whose values a reader returns as they are."""

_OBJECTS: Final[Mapping[Any, Reader]] = {
    Mapping[str, Any]: read_object,
    str | Mapping[str, Any]: read_text_or_object,
    TextOrJson: read_text_or_json,
}
_SCALARS: Final[Mapping[Any, Reader]] = {
    str: _read_str,
    int: read_int,
    bool: read_bool,
    Decimal: read_decimal,
    datetime: read_datetime,
}
# Of each kind of type: which types are of it, and what makes their reader and writer. The last that applies is used.
_KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[..., Reader], Callable[..., Writer]], ...]] = (
    (lambda type_: item_of(type_) is not None, _read_array, _array_writer),
    (lambda type_: bool(known_values(type_)), lambda type_, _: enumeration_reader(known_values(type_)), _same),
    (_OBJECTS.__contains__, lambda type_, _: _OBJECTS[type_], _same),
    (unions.__contains__, _union_reader, _any_writer),
    (lambda type_: is_optional(type_) or isinstance(type_, TypeVar), _resolved_reader, _resolved_writer),
    (_is_inline, lambda _, __: _read_str, lambda _, __: _write_inline),
    (lambda type_: model_of(type_) is not None, _model_reader, _model_writer),
)


def _new_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    for type_, read in _SCALARS.items():
        converter.register_structure_hook(type_, read)
    converter.register_unstructure_hook(datetime, format_timestamp)
    converter.register_unstructure_hook_factory(lambda type_: attrs.has(type_) or is_dataclass(type_), _foreign_writer)
    for applies, reader_of, writer_of in _KINDS:
        converter.register_structure_hook_factory(applies, reader_of)
        converter.register_unstructure_hook_factory(applies, writer_of)
    return converter


def _plain_or_model(value: object) -> Any:
    return _writer(value.__class__)(value) if attrs.has(value.__class__) else marked(value)


_CONVERTER: Final = _new_converter()
_PLAIN_TO_TEXT: Final = writer(_plain_or_model)
_reader: Callable[[Any], Reader] = functools.cache(_CONVERTER.get_structure_hook)
_writer: Callable[[Any], Writer] = functools.cache(_CONVERTER.get_unstructure_hook)


def explain(body: bytes, type_: Any, read: Reader, *, strict: bool = True) -> tuple[str, str]:
    """Return the path to the fault of a body that ``read`` refuses, and the reason; the path is "$" if it is not JSON.

    Without ``strict``, optional fields are not looked at: ``read`` leaves them out.
    """
    if not body.strip():
        return "$", "it is empty"
    try:
        document = (FROM_TEXT if strict else ODD_FROM_TEXT)(body.decode().removeprefix(BOM))
    except json.JSONDecodeError as error:
        return "$", f"it is not JSON: {error.msg} at character {error.pos}"
    except UnicodeDecodeError as error:
        return "$", f"it is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
    except FAILURES as error:
        return "$", f"it cannot be read as JSON ({type(error).__name__})"
    return locate(document, type_, read, strict=strict)


def locate(value: Any, type_: Any, read: Reader, *, strict: bool = True) -> tuple[str, str]:
    """Return the path to the innermost part that ``read`` refuses, and the reason."""
    path, error = "$", _failure(value, type_, read)
    try:
        while (found := _first_failing(value, type_, read, strict=strict)) is not None:
            step, value, type_, error = found
            path += step
    except RecursionError:
        return path, "it is nested too deeply"
    return _sharpen(path, _resolved(value, type_), error)


def _first_failing(value: Any, type_: Any, read: Reader, *, strict: bool) -> tuple[str, Any, Any, Exception] | None:
    for step, part, part_type in _parts(value, _resolved(value, type_), strict=strict):
        error = _failure(part, part_type, read)
        if error is not None:
            return step, part, part_type, error
    return None


def _failure(value: Any, type_: Any, read: Reader) -> Exception | None:
    try:
        read(value, type_)
    except FAILURES as error:
        return error
    return None


def _resolved(value: Any, type_: Any) -> Any:
    """Return a type without its None; for a union of models, the class that the part names."""
    type_ = required(type_)
    try:
        return unions[type_].choose(value) if type_ in unions else type_
    except FAILURES:
        return type_


def _parts(value: Any, type_: Any, *, strict: bool) -> Iterator[tuple[str, Any, Any]]:
    """Yield each part of a document: the step to it, the part and its type."""
    cls = model_of(type_)
    if item_of(type_) is not None and value.__class__ is list:
        yield from ((f"[{index}]", item, item_of(type_)) for index, item in enumerate(value))
    elif cls is not None and value.__class__ is dict:
        envelope = models[cls].envelope
        if envelope in value:
            yield f".{envelope}", value[envelope], cls
        else:
            plan = plan_of(cls)
            fields = plan.tidy(value)
            wires = [wire for wire in plan.types if wire in fields and (strict or wire in plan.required)]
            yield from ((f".{wire}", fields[wire], plan.types[wire]) for wire in wires)


def _sharpen(path: str, type_: Any, error: Exception | None) -> tuple[str, str]:
    """Name the field that is missing, or that the model itself refused."""
    cls = model_of(type_)
    if isinstance(error, KeyError):
        missing, reason = (*error.args, "it is missing")[:2]
        return f"{path}.{missing}", reason
    if isinstance(error, InvalidRequestError) and cls is not None and error.field is not None:
        return f"{path}.{plan_of(cls).wires.get(error.field, error.field)}", str(error)
    return path, str(error)
