"""``sinch-voice svaml``: what is wrong with a document, each fault with its path."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, cast

import attrs
import click

from sinch_voice_async._wire.registry import camel_case
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Group, Settings, settable
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.svaml.fields import measure
from sinch_voice_async.svaml import Place, Svaml, UnknownAction, UnknownInstruction, loads

__all__ = ["Examined", "Fault", "examine", "svaml"]

PLACES: Final = ("ice", "ace", "pie", "dice", "call")


@click.group(cls=Group)
def svaml() -> None:
    """Check SVAML documents.

    Example:
      sinch-voice svaml check answer.json --for ice
    """


@settable
@svaml.command("check")
@click.argument("file", type=click.File("rb"))
@click.option("--for", "place", type=click.Choice(PLACES), help="The event it answers, or call for an ongoing one.")
@click.option("--allow-unknown", is_flag=True, help="Accept unknown instructions, actions and fields.")
@click.pass_obj
def _check(settings: Settings, /, *, file: BinaryIO, place: str | None, allow_unknown: bool) -> int:
    """Say whether the platform would take the SVAML in FILE.

    Each fault is printed with its path. If FILE is -, stdin is read. Exits with 1 if a fault was found. Without --for,
    it says which events the document may answer.

    Example:
      sinch-voice svaml check answer.json --for ice
    """
    found = examine(file.read(), None if place is None else (place,), allow_unknown=allow_unknown)
    lines = [f"{each.path}: {each.problem}" for each in found.faults]
    text = "\n".join(lines) or f"ok, for {', '.join(found.places)}"
    show(settings, {"ok": not found.faults, "places": found.places, "faults": found.faults}, text)
    return ExitCode.FAILED if found.faults else ExitCode.OK


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
    """Find the faults of a document for one of ``places``, all if None."""
    try:
        svaml = loads(document)
    except DecodeError as error:
        return Examined((Fault(error.path, str(error).partition(f"{error.path}: ")[2]),))
    refused = {place: fault for place in places or PLACES if (fault := _misplaced(svaml, place))}
    allowed = tuple(place for place in places or PLACES if place not in refused)
    # A document that one place takes is sound; else say why the first place refuses it.
    wrong = () if allowed else tuple(refused.values())[:1]
    parts = [*_parts(svaml, "$")]
    unknown = () if allow_unknown else tuple(fault for path, part in parts for fault in _unknown(part, path))
    return Examined((*wrong, *_beyond_limits(parts), *unknown), allowed)


def _misplaced(svaml: Svaml[Any, Any], place: str) -> Fault | None:
    try:
        svaml.check(cast("Place", place))
    except InvalidRequestError as error:
        # Limits are the same in all places, and are looked for in each part.
        if error.field == "action" or str(error.field).startswith("instructions["):
            return Fault(f"$.{error.field}", str(error))
    return None


def _beyond_limits(parts: Sequence[tuple[str, Any]]) -> Iterator[Fault]:
    found: list[str] = []
    for path, part in parts:
        # A fault inside a part is a fault of the part too, and is said once.
        if any(inner.startswith(path) for inner in found):
            continue
        try:
            measure(part)
        except InvalidRequestError as error:
            found.append(path)
            yield Fault(f"{path}.{camel_case(error.field or '')}", str(error))


def _unknown(part: Any, path: str) -> Iterator[Fault]:
    """Find what this version does not know; mostly it is misspelt."""
    if isinstance(part, (UnknownInstruction, UnknownAction)):
        kind = "action" if isinstance(part, UnknownAction) else "instruction"
        yield Fault(path, f"unknown {kind} {part.name!r}")
        return
    for name in getattr(part, "extra", ()):
        yield Fault(f"{path}.{name}", "unknown field")


def _parts(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every model of a document with its path, inner models first."""
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        where = f"{path}.{camel_case(field.name)}"
        if attrs.has(type(value)):
            yield from _parts(value, where)
        elif isinstance(value, tuple):
            for index, each in enumerate(value):
                if attrs.has(type(each)):
                    yield from _parts(each, f"{where}[{index}]")
    yield path, part
