"""``sinch-voice svaml``: what is wrong with a document, and where."""

from typing import BinaryIO

import click

from sinch_voice_async.cli.exit_codes import ExitCode
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Settings, settable

__all__ = ["svaml"]

PLACES = ("ice", "ace", "pie", "dice", "call")


@click.group()
def svaml() -> None:
    """Check SVAML documents."""


@settable
@svaml.command("check")
@click.argument("file", type=click.File("rb"))
@click.option("--for", "place", type=click.Choice(PLACES), help="The event it answers, or call for an ongoing one.")
@click.option("--allow-unknown", is_flag=True, help="Accept instructions, actions and fields that are not known here.")
@click.pass_obj
def _check(settings: Settings, /, *, file: BinaryIO, place: str | None, allow_unknown: bool) -> int:
    """Say whether the platform would take the SVAML in FILE (- is stdin), and where it would not.

    Exits with 1 where a fault was found. Without --for, it says which events the document may answer.
    """
    from sinch_voice_async.cli.svaml_faults import examine  # noqa: PLC0415 - it loads all of SVAML

    found = examine(file.read(), None if place is None else (place,), allow_unknown=allow_unknown)
    lines = [f"{each.path}: {each.problem}" for each in found.faults]
    text = "\n".join(lines) or f"ok, for {', '.join(found.places)}"
    show(settings, {"ok": not found.faults, "places": found.places, "faults": found.faults}, text)
    return ExitCode.FAILED if found.faults else ExitCode.OK
