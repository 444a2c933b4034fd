"""The converter's hooks for all that is no model: scalars, arrays, unions, what may be None, and open enumerations.

The rules of values are in :mod:`~sinch_voice_async._wire.scalars`, those of models in
:mod:`~sinch_voice_async._wire.engine`.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar, get_origin

from cattrs import Converter
from cattrs.fns import identity

from sinch_voice_async._wire import scalars
from sinch_voice_async._wire.registry import is_optional, item_of, known_values, models, plan_of, required, unions
from sinch_voice_async._wire.timestamps import format_timestamp
from sinch_voice_async.models.inline import TextOrJson

Reader: TypeAlias = Callable[[Any, Any], Any]
Writer: TypeAlias = Callable[[Any], Any]
Predicate: TypeAlias = Callable[[Any], bool]
ReaderFactory: TypeAlias = Callable[[Any, Converter], Reader]
WriterFactory: TypeAlias = Callable[[Any, Converter], Writer]

_SCALARS: Final[Mapping[Any, Reader]] = {
    str: scalars.read_text,
    int: scalars.read_int,
    bool: scalars.read_bool,
    Decimal: scalars.read_decimal,
    datetime: scalars.read_datetime,
}
_OBJECTS: Final[Mapping[Any, Reader]] = {
    Mapping[str, Any]: scalars.read_object,
    str | Mapping[str, Any]: scalars.read_text_or_object,
    TextOrJson: scalars.read_text_or_json,
}


def new_converter() -> Converter:
    """Return a converter that knows every type but the models."""
    converter = Converter(detailed_validation=False)
    for type_, read in _SCALARS.items():
        converter.register_structure_hook(type_, read)
    converter.register_unstructure_hook(datetime, format_timestamp)
    # The last that applies is used.
    factories: list[tuple[Predicate, ReaderFactory, WriterFactory]] = [
        (_is_array, _array_reader, _array_writer),
        (_is_enumeration, _enumeration_reader, _same),
        (_OBJECTS.__contains__, _object_reader, _same),
        (unions.__contains__, _union_reader, _any_writer),
        (_needs_resolving, _resolved_reader, _resolved_writer),
    ]
    for applies, reader_of, writer_of in factories:
        converter.register_structure_hook_factory(applies, reader_of)
        converter.register_unstructure_hook_factory(applies, writer_of)
    return converter


def _is_array(type_: Any) -> bool:
    return item_of(type_) is not None


def _array_reader(type_: Any, converter: Converter) -> Reader:
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


def _is_enumeration(type_: Any) -> bool:
    return bool(known_values(type_))


def _enumeration_reader(type_: Any, _: Converter) -> Reader:
    return scalars.enumeration_reader(known_values(type_))


def _object_reader(type_: Any, _: Converter) -> Reader:
    return _OBJECTS[type_]


def _union_reader(type_: Any, converter: Converter) -> Reader:
    choose, reader_of = unions[type_].choose, functools.cache(converter.get_structure_hook)
    return lambda value, _: reader_of(choose(value))(value, _)


def _any_writer(_: Any, converter: Converter) -> Writer:
    writer_of = functools.cache(converter.get_unstructure_hook)
    return lambda value: writer_of(value.__class__)(value)


def _needs_resolving(type_: Any) -> bool:
    return is_optional(type_) or isinstance(type_, TypeVar)


def _resolved_reader(type_: Any, converter: Converter) -> Reader:
    needs = models[required(type_)].needs if required(type_) in models else None
    read = converter.get_structure_hook(required(type_))
    if needs is None or not is_optional(type_):
        return read
    plan = plan_of(required(type_))

    def read_unless_blank(value: Any, _: Any) -> Any:
        blank = value.__class__ is dict and value.get(needs) is None and needs not in plan.tidy(value)
        return None if blank else read(value, _)

    return read_unless_blank


def _resolved_writer(type_: Any, converter: Converter) -> Writer:
    write = converter.get_unstructure_hook(required(type_))
    return write if write is identity else lambda value: None if value is None else write(value)


def _same(_: Any, __: Converter) -> Writer:
    return identity
