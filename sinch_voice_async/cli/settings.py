"""The options that every command has: how the platform is reached, and how the answer is printed.

They may stand before the command and behind it; what is said last counts. Their variables are read where the client
reads them, so that a command and a program agree.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import attrs
import click

__all__ = ["Settings", "settable"]

Command = TypeVar("Command", bound=click.Command)


@attrs.define(kw_only=True)
class Settings:
    """What was said on the command line; None is left to the environment or the default of ``VoiceClient``."""

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


class ProxyUrl(click.ParamType[str]):
    """The URL of a proxy. A password in it is refused: all users of a machine can read the arguments of a program."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL as it is."""
        # Everything before the last "@" is a user, in whatever way the rest is written.
        if "@" in value:
            self.fail("a user and a password belong into HTTPS_PROXY: arguments can be read by every user.", param, ctx)
        return value


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Write down what was said; what was not must not undo what stood before the command."""
    name = str(parameter.name)
    if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
        setattr(context.ensure_object(Settings), name, value)


def _option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=_keep, **attributes)


_OPTIONS = (
    _option("--application-key", metavar="KEY", help="The application key; else SINCH_APPLICATION_KEY."),
    _option("--region", metavar="REGION", help="Such as euc1 or europe; else SINCH_VOICE_REGION, else the closest."),
    _option("--base-url", metavar="URL", help="In place of the calling host; else SINCH_VOICE_BASE_URL."),
    _option(
        "--configuration-url",
        metavar="URL",
        help="In place of the configuration host; else SINCH_VOICE_CONFIGURATION_URL, else the base URL.",
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
        help="How often a request is tried; a callout only where none was acted on (default: 3).",
    ),
    _option(
        "--proxy",
        metavar="URL",
        type=ProxyUrl(),
        help="For all requests, without a password; else HTTPS_PROXY and NO_PROXY, which may hold one.",
    ),
    _option("--allow-insecure", is_flag=True, help="Permit plain http to another machine."),
    _option("--backend", type=click.Choice(["asyncio", "trio"]), help="The event loop (default: asyncio)."),
    _option("--json", is_flag=True, help="Print JSON: one document, or one on each line where more may follow."),
)


def settable(command: Command) -> Command:
    """Give a command the options that every command has."""
    for option in _OPTIONS:
        command = option(command)
    return command
