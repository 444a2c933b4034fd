"""What the platform would refuse in a SVAML document, or not know: each fault with its path."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import attrs

from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.svaml.fields import measure
from sinch_voice_async.svaml import Place, Svaml, UnknownAction, UnknownInstruction, loads

__all__ = ["Examined", "Fault", "examine"]

PLACES: Final = ("ice", "ace", "pie", "dice", "call")


@attrs.frozen
class Fault:
    """One thing that is wrong: where, as in ``$.instructions[0].text``, and what."""

    path: str
    problem: str


@attrs.frozen
class Examined:
    """What was found, and where the document may go."""

    faults: tuple[Fault, ...]
    places: tuple[str, ...] = ()


def examine(document: bytes, places: Sequence[str] | None, *, allow_unknown: bool) -> Examined:
    """Find the faults of a document that is to go to one of ``places``; None is wherever it may."""
    try:
        svaml = loads(document)
    except DecodeError as error:
        return Examined((Fault(error.path, str(error).partition(f"{error.path}: ")[2]),))
    refused = {place: fault for place in places or PLACES if (fault := _misplaced(svaml, place))}
    allowed = tuple(place for place in places or PLACES if place not in refused)
    # A document that may go somewhere is sound; one that may go nowhere is told why the first place refuses it.
    wrong = () if allowed else tuple(refused.values())[:1]
    parts = [*_parts(svaml, "$")]
    unknown = () if allow_unknown else tuple(fault for path, part in parts for fault in _unknown(part, path))
    return Examined((*wrong, *_beyond_limits(parts), *unknown), allowed)


def _misplaced(svaml: Svaml[Any, Any], place: str) -> Fault | None:
    try:
        svaml.check(cast("Place", place))
    except InvalidRequestError as error:
        # Limits are the same everywhere, and are looked for in each part.
        if error.field == "action" or str(error.field).startswith("instructions["):
            return Fault(f"$.{error.field}", str(error))
    return None


def _beyond_limits(parts: Sequence[tuple[str, Any]]) -> Iterator[Fault]:
    found: list[str] = []
    for path, part in parts:
        # What is wrong inside of a part makes the part wrong, which need not be said twice.
        if any(inner.startswith(path) for inner in found):
            continue
        try:
            measure(part)
        except InvalidRequestError as error:
            found.append(path)
            yield Fault(f"{path}.{_on_the_wire(error.field or '')}", str(error))


def _unknown(part: Any, path: str) -> Iterator[Fault]:
    """Find what this version does not know: mostly it is misspelt."""
    if isinstance(part, (UnknownInstruction, UnknownAction)):
        kind = "action" if isinstance(part, UnknownAction) else "instruction"
        yield Fault(path, f"there is no {kind} {part.name!r} that is known here")
        return
    for name in getattr(part, "extra", ()):
        yield Fault(f"{path}.{name}", "there is no such field that is known here")


def _parts(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every model of a document with its path, what is inside before what it is in."""
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        where = f"{path}.{_on_the_wire(field.name)}"
        if attrs.has(type(value)):
            yield from _parts(value, where)
        elif isinstance(value, tuple):
            for index, each in enumerate(value):
                if attrs.has(type(each)):
                    yield from _parts(each, f"{where}[{index}]")
    yield path, part


def _on_the_wire(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(map(str.capitalize, rest))
