"""The options that every command has: how the platform is reached, who asks, and how the answer is printed.

They may stand before the command and behind it; the last one counts. Their variables are read where the client reads
them, so that a command and a program agree. The secret is looked for in ``SINCH_APPLICATION_SECRET``, in the keyring
(service ``sinch-voice``, user name the application key) if the package ``keyring`` is installed, and asked for on a
terminal.
"""

import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import unquote

import attrs
import click
from click.shell_completion import CompletionItem

import sinch_voice_async

__all__ = [
    "KEYRING_SERVICE",
    "Account",
    "Command",
    "Group",
    "PathType",
    "Settings",
    "check_url",
    "find_account",
    "holds_password",
    "option_group",
    "path_problem",
    "settable",
]

AnyCommand = TypeVar("AnyCommand", bound=click.Command)
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

KEYRING_SERVICE: Final = "sinch-voice"
_SEPARATORS: Final = ("/", os.sep)
_LONG: Final = 60


@attrs.define(kw_only=True)
class Settings:
    """The options that were given; None leaves it to the environment or the default of ``VoiceClient``."""

    application_key: str | None = None
    region: str | None = None
    base_url: str | None = None
    configuration_url: str | None = None
    auth: Literal["signed", "basic"] = "signed"
    timeout: float = 30.0
    max_attempts: int = 3
    proxy: str | None = None
    allow_insecure: bool = False
    backend: Literal["asyncio", "trio"] = "asyncio"
    json: bool = False


@attrs.frozen
class Account:
    """The credentials, and in words where the secret came from."""

    credentials: "sinch_voice_async.Credentials"
    source: str


def holds_password(text: str) -> bool:
    """Return whether a URL or a connection string holds a password, however it is written."""
    user = re.match(r"(?:[a-z][a-z0-9+.-]*:)?(?://)?([^/?#]*)@", text, re.IGNORECASE)
    named = re.search(r"(?:^|[\s?&;])(?:password|passwd|pwd|sslpassword)\s*=", text, re.IGNORECASE)
    return bool(named) or bool(user and unquote(user[1]).partition(":")[2])


def path_problem(path: str, *, folder: bool = False, must_exist: bool = False) -> str | None:
    """Return why a text cannot be the path of a file, or of a folder; None if it can."""
    if not path.strip():
        return "it is empty"
    if "\0" in path:
        return "it holds a character that no name may have"
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116  # Path("") is the current folder
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            return f"{path} does not exist"
        return None if folder or not path.endswith(_SEPARATORS) else f"{path} is the name of a folder"
    except OSError as problem:
        return f"{path if len(path) < _LONG else path[:_LONG] + '...'}: {problem.strerror}"
    if is_folder != folder:
        return f"{path} is {'not ' if folder else ''}a folder"
    return None


class PathType(click.ParamType[Any]):
    """The path of a file, or of a folder. It is never empty: click's own type reads "" as the current folder.

    Other faults of a file are found by what opens it.
    """

    name = "path"

    def __init__(self, path_type: type = Path, *, folder: bool = False, must_exist: bool = False) -> None:
        self._path_type = path_type
        self._folder = folder
        self._must_exist = must_exist

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; an unusable one is a usage error."""
        if problem := path_problem(os.fspath(value), folder=self._folder, must_exist=self._must_exist):
            self.fail(problem, param, ctx)
        return self._path_type(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete names of files or folders."""
        return [CompletionItem(incomplete, type="dir" if self._folder else "file")]


def check_url(url: str, argument: str) -> None:
    """Refuse a URL with a password on the command line.

    :raises click.UsageError: it has one; the message does not repeat it.
    """
    if holds_password(url):
        raise click.UsageError(
            f"{argument} holds a password, which every user of this machine can read: leave it out of the URL."
        )


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep an option that was given; one that was not must not undo what stood before the command."""
    name = str(parameter.name)
    if context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT:
        return
    option = "--" + name.replace("_", "-")
    if isinstance(value, str) and name.endswith("url") and not value.strip():
        raise click.UsageError(f"{option} is empty; leave it out to reach the platform.")
    # Before the last "@" of a proxy stands a user, and perhaps a token, however the rest is written.
    secret = isinstance(value, str) and ("@" in value if name == "proxy" else holds_password(value))
    if secret and name in ("proxy", "base_url", "configuration_url"):
        remedy = "set HTTPS_PROXY to the whole URL instead" if name == "proxy" else "leave it out of the URL"
        raise click.UsageError(f"{option} holds a password, which every user of this machine can read: {remedy}.")
    setattr(context.ensure_object(Settings), name, value)


def _option(*names: str, **attributes: Any) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(*names, expose_value=False, callback=_keep, **attributes)


_OPTIONS: Final = (
    _option("--application-key", metavar="KEY", help="The application key; else SINCH_APPLICATION_KEY."),
    _option("--region", metavar="REGION", help="Such as euc1 or europe; else SINCH_VOICE_REGION, else the closest."),
    _option("--base-url", metavar="URL", help="Replaces the calling host; else SINCH_VOICE_BASE_URL."),
    _option(
        "--configuration-url",
        metavar="URL",
        help="Replaces the configuration host; else SINCH_VOICE_CONFIGURATION_URL, else the base URL.",
    ),
    _option("--auth", type=click.Choice(["signed", "basic"]), help="How requests are authorized (default: signed)."),
    _option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="For each phase of a request (default: 30).",
    ),
    _option(
        "--max-attempts",
        type=click.IntRange(1),
        metavar="N",
        help="Attempts per request; a callout is repeated only if none was acted on (default: 3).",
    ),
    _option("--proxy", metavar="URL", help="The proxy, without its password; else HTTPS_PROXY and NO_PROXY."),
    _option("--allow-insecure", is_flag=True, help="Permit plain http to another machine."),
    _option("--backend", type=click.Choice(["asyncio", "trio"]), help="The event loop (default: asyncio)."),
    _option("--json", is_flag=True, help="Print JSON: one document, or one on each line."),
)


def settable(command: AnyCommand) -> AnyCommand:
    """Give a command the options that every command has."""
    for option in _OPTIONS:
        command = option(command)
    return command


def option_group(*decorators: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Return one decorator for several options and arguments, which the help lists in this order."""

    def decorate(command: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _with_examples(text: str | None) -> str:
    """Return a help text in which the lines of the examples stay as they are."""
    return re.sub(r"\n( *)(Examples?:\n)", "\n\\1\b\n\\1\\2", text or "")


class Command(click.Command):
    """A command whose help keeps the lines of its examples, and lists the options that every command has apart."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help text."""
        self.help: str | None = _with_examples(self.help)
        super().format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of this command, then those of every command."""
        shared = {field.name for field in attrs.fields(Settings)}
        records = [(each.name in shared, each.get_help_record(ctx)) for each in self.get_params(ctx)]
        for title, is_shared in (("Options", False), ("Connection and output", True)):
            found = [record for each, record in records if record is not None and each is is_shared]
            if found:
                with formatter.section(title):
                    formatter.write_dl(found)


class Group(click.Group):
    """A group whose help keeps the lines of its examples; its commands are of this module."""

    command_class: type[click.Command] | None = Command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help text."""
        self.help: str | None = _with_examples(self.help)
        super().format_help_text(ctx, formatter)


def find_account(settings: Settings) -> Account:
    """Return whom to sign as; ask on a terminal for what is not set.

    :raises ConfigurationError: something is missing and cannot be asked for, or it is malformed.
    """
    key = settings.application_key or os.environ.get("SINCH_APPLICATION_KEY")
    if not key:
        key = _ask("application key", "set SINCH_APPLICATION_KEY or pass --application-key", hidden=False)
    secret, source = _secret(key)
    return Account(sinch_voice_async.Credentials(key, secret), source)


def _secret(key: str) -> tuple[str, str]:
    if secret := os.environ.get("SINCH_APPLICATION_SECRET"):
        return secret, "the environment"
    if secret := _from_keyring(key):
        return secret, "the keyring"
    remedy = f"set SINCH_APPLICATION_SECRET, or keep it with `keyring set {KEYRING_SERVICE} <application key>`"
    return _ask("application secret", remedy, hidden=True), "the prompt"


def _from_keyring(key: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415  # an option, and slow to load
        from keyring.errors import KeyringError  # noqa: PLC0415  # the same
    except ModuleNotFoundError:
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, key)
    except KeyringError:
        # Locked, or the machine has none: the next place may know.
        return None


def _ask(what: str, remedy: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        raise sinch_voice_async.ConfigurationError(f"no {what}: {remedy}")
    answer: str = click.prompt(what.capitalize(), hide_input=hidden, err=True)
    return answer
