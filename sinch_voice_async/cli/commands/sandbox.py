"""``sinch-voice sandbox``: the command of the sandbox."""

import importlib.util

import click

import sinch_voice_async
from sinch_voice_async.cli.settings import Command

__all__ = ["sandbox"]

_NEEDED = ("starlette", "uvicorn")


@click.command(
    cls=Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    options_metavar="[OPTIONS]",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="")
def sandbox(*, options: tuple[str, ...]) -> int:
    """Run a voice platform that places no real calls."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise sinch_voice_async.ConfigurationError(
            "the sandbox needs more packages: pip install 'sinch-voice-async[sandbox]'"
        )
    from sinch_voice_async.sandbox.__main__ import main  # noqa: PLC0415 - an extra of its own

    return main(options)
