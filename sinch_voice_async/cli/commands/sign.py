"""``sinch-voice sign``: the signature of a request, line by line."""

import time
from typing import Any, BinaryIO

import click

from sinch_voice_async._wire import signing
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Command, Settings, find_account, settable

__all__ = ["body_bytes", "request_arguments", "sign"]


def request_arguments(command: Any) -> Any:
    """Give a command the parts of a request that are signed."""
    for option in (
        click.option("--body-file", type=click.File("rb"), help="The file that holds the body; - is stdin."),
        click.option("--body", metavar="TEXT", help="The body, exactly as it is sent."),
        click.argument("path"),
        click.argument("method"),
    ):
        command = option(command)
    return command


def body_bytes(body: str | None, body_file: BinaryIO | None) -> bytes:
    """Return the body of a request as it is signed."""
    if body is not None and body_file is not None:
        raise click.UsageError("--body and --body-file exclude each other.")
    return body_file.read() if body_file is not None else (body or "").encode("utf-8", "surrogateescape")


@settable
@click.command(cls=Command)
@request_arguments
@click.option("--content-type", metavar="TYPE", help="Left out: application/json with a body, none without.")
@click.option("--timestamp", metavar="TIME", help="The x-timestamp; left out: now.")
@click.pass_obj
def sign(
    settings: Settings,
    /,
    *,
    method: str,
    path: str,
    body: str | None,
    body_file: BinaryIO | None,
    content_type: str | None,
    timestamp: str | None,
) -> None:
    """Print the signature of a request.

    That is the string to sign, and the headers to send. PATH is as on the wire; a query is not signed.

    Example:
      sinch-voice sign POST /calling/v1/callouts --body '{"method": ...}'
    """
    content = body_bytes(body, body_file)
    kind = content_type if content_type is not None else "application/json" if content else ""
    moment = timestamp or signing.timestamp_at(time.time())
    text = signing.string_to_sign(method, path, content, kind, moment)
    credentials = find_account(settings).credentials
    value = signing.authorization(credentials, method, path, content, kind, moment)
    headers = {"authorization": value, "x-timestamp": moment} | ({"content-type": kind} if kind else {})
    lines = "\n".join(f"{name}: {each}" for name, each in headers.items())
    show(settings, {"string_to_sign": text, "headers": headers}, f"{text}\n\n{lines}")
