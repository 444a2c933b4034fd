"""``sinch-voice sign`` and ``verify``: what people fight with most, shown line by line."""

import time
from typing import Any, BinaryIO

import click

from sinch_voice_async.cli.account import find_account
from sinch_voice_async.cli.exit_codes import ExitCode
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Settings, settable

__all__ = ["sign", "verify"]


def _request(command: Any) -> Any:
    for option in (
        click.option("--body-file", type=click.File("rb"), help="The file that holds the body; - is stdin."),
        click.option("--body", metavar="TEXT", help="The body, exactly as it is sent."),
        click.argument("path"),
        click.argument("method"),
    ):
        command = option(command)
    return command


def _bytes(body: str | None, body_file: BinaryIO | None) -> bytes:
    if body is not None and body_file is not None:
        raise click.UsageError("--body and --body-file exclude each other.")
    return body_file.read() if body_file is not None else (body or "").encode("utf-8", "surrogateescape")


@settable
@click.command()
@_request
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

    That is the string to sign, and the headers to send. METHOD is such as POST. PATH is as on the wire, such as
    /calling/v1/callouts; a query is not signed.
    """
    from sinch_voice_async._wire import signing  # noqa: PLC0415 - help needs none of it

    content = _bytes(body, body_file)
    kind = content_type if content_type is not None else "application/json" if content else ""
    moment = timestamp or signing.timestamp_at(time.time())
    text = signing.string_to_sign(method, path, content, kind, moment)
    credentials = find_account(settings).credentials
    value = signing.authorization(credentials, method, path, content, kind, moment)
    headers = {"authorization": value, "x-timestamp": moment} | ({"content-type": kind} if kind else {})
    lines = "\n".join(f"{name}: {each}" for name, each in headers.items())
    show(settings, {"string_to_sign": text, "headers": headers}, f"{text}\n\n{lines}")


@settable
@click.command()
@_request
@click.option("--header", "-H", "headers", multiple=True, metavar="NAME:VALUE", help="As received; repeat it.")
@click.option(
    "--theirs",
    type=click.File("r", encoding="utf-8"),
    help="A file with the string that the other side signed, to compare with; - is stdin.",
)
@click.pass_obj
def verify(
    settings: Settings,
    /,
    *,
    method: str,
    path: str,
    body: str | None,
    body_file: BinaryIO | None,
    headers: tuple[str, ...],
    theirs: Any,
) -> int:
    """Say why a signature is refused.

    Prints the string to sign, the header that is right, and which line differs from what was signed. Give the headers
    authorization, x-timestamp and content-type as they came: -H 'x-timestamp: 2026-11-25T12:00:00Z'.
    Exits with 1 where the signature does not belong to the request.
    """
    from sinch_voice_async.cli.signatures import judge  # noqa: PLC0415 - help needs none of it

    received = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
    credentials = find_account(settings).credentials
    verdict = judge(credentials, method, path, received, _bytes(body, body_file), theirs and theirs.read())
    state = "The signature is right." if verdict.valid else f"The signature is wrong: {verdict.reason}."
    lines = [verdict.string_to_sign, "", f"expected  authorization: {verdict.expected}"]
    lines += [f"received  authorization: {received.get('authorization', '')}", "", state, *verdict.remarks]
    show(settings, verdict, "\n".join(lines))
    return ExitCode.OK if verdict.valid else ExitCode.FAILED
