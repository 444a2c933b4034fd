"""``sinch-voice sign`` and ``verify``: the signature of a request, line by line, and why one is refused.

A received signature is tried on what senders and proxies usually make of a request. If a variant fits, the line in
which it differs from what was given is the answer.
"""

import base64
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any, BinaryIO, Final
from urllib.parse import unquote

import attrs
import click

from sinch_voice_async._wire.signing import (
    authorization,
    explain_signature,
    signature_matches,
    string_to_sign,
    timestamp_at,
)
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Command, Settings, find_account, option_group, settable
from sinch_voice_async.credentials import Credentials

__all__ = ["Verdict", "judge", "sign", "verify"]

_TYPES = ("", "application/json", "application/json; charset=utf-8", "application/json; charset=UTF-8")
_LATE = 300.0


_request: Final = option_group(
    click.argument("method"),
    click.argument("path"),
    click.option("--body", metavar="TEXT", help="The body, exactly as it is sent."),
    click.option("--body-file", type=click.File("rb"), help="The file that holds the body; - is stdin."),
)
"""The parts of a request that are signed."""


def _body(body: str | None, body_file: BinaryIO | None) -> bytes:
    """Return the body of a request as it is signed."""
    if body is not None and body_file is not None:
        raise click.UsageError("--body and --body-file exclude each other.")
    return body_file.read() if body_file is not None else (body or "").encode("utf-8", "surrogateescape")


@settable
@click.command(cls=Command)
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

    That is the string to sign, and the headers to send. PATH is as on the wire; a query is not signed.

    Example:
      sinch-voice sign POST /calling/v1/callouts --body '{"method": ...}'
    """
    content = _body(body, body_file)
    kind = content_type if content_type is not None else "application/json" if content else ""
    moment = timestamp or timestamp_at(time.time())
    text = string_to_sign(method, path, content, kind, moment)
    credentials = find_account(settings).credentials
    value = authorization(credentials, method, path, content, kind, moment)
    headers = {"authorization": value, "x-timestamp": moment} | ({"content-type": kind} if kind else {})
    lines = "\n".join(f"{name}: {each}" for name, each in headers.items())
    show(settings, {"string_to_sign": text, "headers": headers}, f"{text}\n\n{lines}")


@attrs.frozen
class Verdict:
    """Whether a signature is right; else why not, in half a sentence. ``expected`` is what the header should be."""

    valid: bool
    reason: str
    string_to_sign: str
    expected: str
    remarks: tuple[str, ...] = ()


@settable
@click.command(cls=Command)
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
    r"""Say why a signature is refused.

    Prints the string to sign, the right header, and which line differs from what was signed. Give the headers
    authorization, x-timestamp and content-type as they came. Exits with 1 if the signature is wrong.

    Example:
      sinch-voice verify POST /ice --body-file callback.json \
        -H 'authorization: application KEY:SIGNATURE' \
        -H 'x-timestamp: 2026-11-25T12:00:00Z'
    """
    received = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
    credentials = find_account(settings).credentials
    verdict = judge(credentials, method, path, received, _body(body, body_file), theirs and theirs.read())
    state = "The signature is right." if verdict.valid else f"The signature is wrong: {verdict.reason}."
    lines = [verdict.string_to_sign, "", f"expected  authorization: {verdict.expected}"]
    lines += [f"received  authorization: {received.get('authorization', '')}", "", state, *verdict.remarks]
    show(settings, verdict, "\n".join(lines))
    return ExitCode.OK if verdict.valid else ExitCode.FAILED


def judge(
    credentials: Credentials, method: str, path: str, headers: Mapping[str, str], body: bytes, theirs: str | None
) -> Verdict:
    """Compare a received signature with the right one; ``theirs`` is what the other side says that it signed."""
    kind, timestamp = headers.get("content-type", ""), headers.get("x-timestamp", "")
    text = string_to_sign(method, path, body, kind, timestamp)
    expected = authorization(credentials, method, path, body, kind, timestamp)
    scheme, _, pair = headers.get("authorization", "").partition(" ")
    key, _, signature = pair.strip().partition(":")
    reason = _malformed(scheme, signature, timestamp)
    if not reason and key.lower() != credentials.application_key.lower():
        reason = "the key in the header is not that of your application"
    if not reason and not signature_matches(credentials, text, signature):
        reason = (
            explain_signature(text, theirs.replace("\r\n", "\n").removesuffix("\n"))
            if theirs
            else _guess(credentials, text, signature, method, path, body, kind, timestamp)
        )
    return Verdict(not reason, reason, text, expected, tuple(_staleness(timestamp)))


def _malformed(scheme: str, signature: str, timestamp: str) -> str:
    if scheme.lower() != "application" or not signature:
        return "the authorization header is not 'application <key>:<signature>'"
    return "" if timestamp else "there is no x-timestamp header"


def _guess(
    credentials: Credentials, text: str, signature: str, method: str, path: str, body: bytes, kind: str, timestamp: str
) -> str:
    for variant in _variants(method, path, body, kind, timestamp):
        if signature_matches(credentials, variant, signature):
            return explain_signature(text, variant)
    # A sender that forgets to decode the secret uses the bytes of its text.
    undecoded = Credentials(
        credentials.application_key, base64.b64encode(credentials.application_secret.encode()).decode()
    )
    if signature_matches(undecoded, text, signature):
        return "the other side has not decoded the secret from base64 before using it as the key"
    return (
        "no usual change of the request explains it: the secrets differ, or the body or the timestamp is not what was "
        "signed; compare with what the other side signed, by --theirs"
    )


def _variants(method: str, path: str, body: bytes, kind: str, timestamp: str) -> Iterator[str]:
    types = dict.fromkeys((kind, *_TYPES, kind.partition(";")[0].strip()))
    for own_path, own_body, own_kind in product(_paths(path), _bodies(body), types):
        text = string_to_sign(method, own_path, own_body, own_kind, timestamp)
        yield text
        if "?" in path:
            yield f"{text}?{path.partition('?')[2]}"


def _paths(path: str) -> list[str]:
    """The path as given; with and without its slashes; decoded; without what a router or proxy puts in front."""
    plain = path.partition("?")[0]
    inner = ["/" + "/".join(plain.split("/")[depth:]) for depth in range(2, plain.count("/") + 1)]
    found = (plain, plain.rstrip("/") or "/", plain.rstrip("/") + "/", plain.lstrip("/"), unquote(plain), *inner)
    return [*dict.fromkeys(found)]


def _bodies(body: bytes) -> list[bytes]:
    return [*dict.fromkeys((body, body.rstrip(b"\r\n"), body.strip(), body + b"\n", b""))]


def _staleness(timestamp: str) -> Iterator[str]:
    try:
        signed_at = datetime.fromisoformat(timestamp)
    except ValueError:
        yield "The x-timestamp is no ISO 8601 time."
        return
    signed_at = signed_at if signed_at.tzinfo else signed_at.replace(tzinfo=UTC)
    age = (datetime.now(UTC) - signed_at).total_seconds()
    if abs(age) > _LATE:
        yield f"The x-timestamp is {abs(age):.0f} s {'old' if age > 0 else 'ahead'}: it is refused as stale."
