"""The path to the fault of a JSON document, such as ``$.participants[2].duration``, and what is expected there.

It is asked only after reading has failed: it reads the parts of the document again, from the outside in, and follows
the first part that fails. The path and the reason hold names of fields and no value of the document.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from sinch_voice_async._wire.json import BOM, FROM_TEXT, ODD_FROM_TEXT
from sinch_voice_async._wire.registry import item_of, model_of, models, plan_of, required, unions
from sinch_voice_async.errors import InvalidRequestError

FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""All exceptions that reading a document can raise."""

Read: TypeAlias = Callable[[Any, Any], object]


def explain(body: bytes, type_: Any, read: Read, *, strict: bool = True) -> tuple[str, str]:
    """Return the path to the fault of a body that ``read`` refuses, and the reason; the path is "$" if it is not JSON.

    Without ``strict``, optional fields are not looked at: ``read`` leaves them out.
    """
    if not body.strip():
        return "$", "it is empty"
    try:
        document = (FROM_TEXT if strict else ODD_FROM_TEXT)(body.decode().removeprefix(BOM))
    except json.JSONDecodeError as error:
        return "$", f"it is not JSON: {error.msg} at character {error.pos}"
    except FAILURES as error:
        return "$", f"it cannot be read as JSON ({type(error).__name__})"
    return locate(document, type_, read, strict=strict)


def locate(value: Any, type_: Any, read: Read, *, strict: bool = True) -> tuple[str, str]:
    """Return the path to the innermost part that ``read`` refuses, and the reason."""
    path, error = "$", _failure(value, type_, read)
    try:
        while (found := _first_failing(value, type_, read, strict=strict)) is not None:
            step, value, type_, error = found
            path += step
    except RecursionError:
        return path, "it is nested too deeply"
    return _sharpen(path, _resolved(value, type_), error)


def _first_failing(value: Any, type_: Any, read: Read, *, strict: bool) -> tuple[str, Any, Any, Exception] | None:
    for step, part, part_type in _parts(value, _resolved(value, type_), strict=strict):
        error = _failure(part, part_type, read)
        if error is not None:
            return step, part, part_type, error
    return None


def _failure(value: Any, type_: Any, read: Read) -> Exception | None:
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
