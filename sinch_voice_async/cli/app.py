"""The program itself: its commands, each in a module that is loaded when it is asked for, and how a run of it ends."""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from sinch_voice_async._version import __version__
from sinch_voice_async.cli.exit_codes import ExitCode
from sinch_voice_async.cli.failures import explain
from sinch_voice_async.cli.running import StoppedError
from sinch_voice_async.cli.settings import Settings, settable

__all__ = ["app", "run"]

_HOMES = {
    "call": "call",
    "status": "calls",
    "hangup": "calls",
    "conference": "conference",
    "recordings": "recordings",
    "numbers": "numbers",
    "callbacks": "callbacks",
    "svaml": "svaml",
    "sign": "signing",
    "verify": "signing",
    "dial": "dial",
    "doctor": "doctor",
    "sandbox": "sandbox",
    "completion": "completion",
}


class _Commands(click.Group):
    """The commands by name; asking for one loads its module, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_HOMES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOMES:
            return None
        module = importlib.import_module(f"sinch_voice_async.cli.commands.{_HOMES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@settable
@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sinch-voice")
def app() -> None:
    """Talk to the Sinch Voice (Calling) API.

    The application's key and secret come from SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET, the keyring, or a
    prompt. Start with `sinch-voice doctor`, or with `sinch-voice sandbox`, which rings nobody.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever fails is said in a sentence or two on stderr."""
    try:
        result = app.main(
            None if arguments is None else [*arguments],
            "sinch-voice",
            standalone_mode=False,
            obj=Settings(),
            # None leaves it to click, which colours what goes to a terminal.
            color=False if os.environ.get("NO_COLOR") else None,
        )
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except StoppedError as stopped:
        return _end(ExitCode.INTERRUPTED, str(stopped))
    except (click.Abort, KeyboardInterrupt):
        return _end(ExitCode.INTERRUPTED, "Stopped.")
    except Exception as error:  # noqa: BLE001 - nobody at a terminal is to meet a traceback
        if os.environ.get("SINCH_VOICE_DEBUG"):
            traceback.print_exc()
        failure = explain(error)
        return _end(failure.code, str(failure))
    return _code(result)


def _end(code: ExitCode, text: str) -> int:
    click.echo(f"sinch-voice: {text}", file=sys.stderr)
    return code


def _code(result: Any) -> int:
    """Read what a command returned: click gives the code of ``--help`` and of what exits, a command of ours its own."""
    return result if isinstance(result, int) else ExitCode.OK
