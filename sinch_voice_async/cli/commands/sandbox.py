"""``sinch-voice sandbox``: the sandbox's own command, by another name."""

import importlib.util

import click

import sinch_voice_async

__all__ = ["sandbox"]

_NEEDED = ("starlette", "uvicorn")


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    options_metavar="[OPTIONS]",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="")
def sandbox(*, options: tuple[str, ...]) -> int:
    """Serve a platform that rings nobody."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise sinch_voice_async.ConfigurationError(
            "the sandbox needs more packages: pip install 'sinch-voice-async[sandbox]'"
        )
    from sinch_voice_async.sandbox.__main__ import main  # noqa: PLC0415 - an extra of its own

    return main(options)
