"""The program itself: its commands, each in a module that is loaded when it is asked for, and how a run of it ends.

What completes commands in a shell is here too: a shell asks the program itself, and no command is loaded then.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

import sinch_voice_async
from sinch_voice_async._version import __version__
from sinch_voice_async.cli.failures import ExitCode, StoppedError, explain
from sinch_voice_async.cli.output import colours, log_to_stderr, say, tell
from sinch_voice_async.cli.settings import Command, Group, Settings, settable

__all__ = ["PowerShellComplete", "app", "completion", "run", "sandbox"]

_OF_THE_SANDBOX: Final = ("starlette", "uvicorn")
SHELLS: Final = ("bash", "zsh", "fish", "powershell")
_POWERSHELL: Final = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $env:COMP_WORDS = $commandAst.ToString()
    $env:COMP_WORD = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    %(prog_name)s | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
    }
    Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_WORD
}
"""


@add_completion_class
class PowerShellComplete(ShellComplete):
    """Completion for PowerShell, which click does not bring."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one."""
        words, word = split_arg_string(os.environ["COMP_WORDS"])[1:], os.environ["COMP_WORD"]
        return (words[:-1] if word and words and words[-1] == word else words), word

    def format_completion(self, item: CompletionItem) -> str:
        """Return one line: the value, and its help behind a tab."""
        return f"{item.value}\t{item.help or ''}"


_COMMANDS: Final = {
    "call": "Call a number and speak a text.",
    "status": "Print what is known about a call.",
    "hangup": "End an ongoing call.",
    "conference": "Call into conferences, and manage them.",
    "recordings": "List, download, delete and archive recordings.",
    "numbers": "List, assign, unassign and look up numbers.",
    "callbacks": "Get and set where events are sent.",
    "listen": "Print callbacks as they come, and forward them.",
    "dial": "Call every contact of a file, and no number twice.",
    "opt-outs": "Keep a list of numbers that must not be called.",
    "stream": "Call the server of a media stream as the platform does.",
    "svaml": "Check SVAML documents.",
    "sign": "Print the signature of a request.",
    "verify": "Say why a signature is refused.",
    "doctor": "Find out why requests fail.",
    "sandbox": "Run a voice platform that places no real calls.",
    "completion": "Print what completes commands in a shell.",
}

_HOMES: Final = {
    "status": "call",
    "hangup": "call",
    "conference": "call",
    "sign": "signing",
    "verify": "signing",
    "callbacks": "numbers",
    "opt-outs": "opt_outs",
}
"""Commands that share a module with another one, or whose module has another name."""


class _Commands(Group):
    """The commands by name; asking for one loads its module, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands or cmd_name not in _COMMANDS:
            return self.commands.get(cmd_name)
        module = importlib.import_module(f"sinch_voice_async.cli.commands.{_HOMES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name, help=says) for name, says in _COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@settable
@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 done, 2 usage, 3 refused, 4 not found, 5 credentials, 6 nothing sent, 7 outcome unknown.",
)
@click.version_option(__version__, prog_name="sinch-voice")
def app() -> None:
    """Use the Sinch Voice (Calling) API.

    The application's key and secret come from SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET, the keyring, or a
    prompt. The options below may also stand behind a command.

    Examples:
      sinch-voice sandbox                      # a platform to try, no real calls
      sinch-voice doctor                       # is everything set up?
      sinch-voice call "+46 70 000 00 01" "Hello!"
      sinch-voice dial contacts.csv --text "Hi {name}" --dry-run
    """


@app.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    r"""Print what completes commands in a shell.

    Examples:
      sinch-voice completion bash > \
        ~/.local/share/bash-completion/completions/sinch-voice
      sinch-voice completion powershell | Out-String | Invoke-Expression
    """
    found = get_completion_class(shell)
    assert found is not None
    say(found(context.find_root().command, {}, "sinch-voice", "_SINCH_VOICE_COMPLETE").source())


@app.command(
    cls=Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    options_metavar="[OPTIONS]",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="")
def sandbox(*, options: tuple[str, ...]) -> int:
    """Run a voice platform that places no real calls."""
    if any(importlib.util.find_spec(name) is None for name in _OF_THE_SANDBOX):
        raise sinch_voice_async.ConfigurationError(
            "the sandbox needs more packages: pip install 'sinch-voice-async[sandbox]'"
        )
    from sinch_voice_async.sandbox.__main__ import main  # noqa: PLC0415 - an extra of its own

    return main(options)


def _open_closed_streams() -> None:
    """Open what the shell has closed (``>&-``): else the next file of the program would be its stdout."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # until the end


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a failure is told in a sentence or two on stderr."""
    _open_closed_streams()
    log_to_stderr()
    try:
        result = app.main(
            None if arguments is None else [*arguments],
            "sinch-voice",
            standalone_mode=False,
            obj=Settings(),
            color=colours(),
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        return _end(ExitCode.USAGE, _usage(error))
    except StoppedError as stopped:
        return _end(ExitCode.INTERRUPTED, str(stopped))
    except (click.Abort, KeyboardInterrupt):
        return _end(ExitCode.INTERRUPTED, "Stopped.")
    except BrokenPipeError:
        # The reader of a pipe has seen enough, as `head` does; Python must not complain when it exits.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # until the process ends
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001  # no traceback may reach a terminal
        if os.environ.get("SINCH_VOICE_DEBUG"):
            traceback.print_exc()
        failure = explain(error)
        return _end(failure.code, str(failure))
    return _code(result)


def _usage(error: click.ClickException) -> str:
    """Return what was wrong with the arguments as a sentence, with what was probably meant and where to read more."""
    context = getattr(error, "ctx", None)
    text = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.NoSuchOption):
        text = f"There is no option {error.option_name}{_meant(error.option_name, _options_of(context))}"
    elif context is not None and text.startswith("No such command"):
        name = text.split("'")[1]
        known = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
        text = f"There is no command {name!r}{_meant(name, known)}"
    help_line = f" See `{context.command_path} --help`." if context is not None else ""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}{help_line}"


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _options_of(context: click.Context | None) -> list[str]:
    parameters = [] if context is None else context.command.get_params(context)
    return [name for each in parameters for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]


def _end(code: ExitCode, text: str) -> int:
    tell(f"sinch-voice: {text}")
    return code


def _code(result: Any) -> int:
    """Read what a command returned: click gives the code of ``--help`` and of what exits, a command of ours its own."""
    return result if isinstance(result, int) else ExitCode.OK
