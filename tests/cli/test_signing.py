"""``sinch-voice sign`` and ``verify``: the published signatures, and why others are refused."""

import base64
from pathlib import Path

import pytest

from sinch_voice_async import Credentials
from sinch_voice_async._wire.signing import authorization, sign, string_to_sign

from .conftest import KEY, SECRET, Command

# Source: developers.sinch.com, Authentication, Callback signed request.
PUBLISHED_KEY, PUBLISHED_SECRET = "669E367E-6BBA-48AB-AF15-266871C28135", "BeIukql3pTKJ8RGL5zo0DA=="
BODY = (
    '{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257","timestamp":"2014-09-24T10:59:41Z","version":1}'
)
TIME = "2014-09-24T10:59:41Z"
PATH = "/sinch/callback/ace"
SIGNATURE = "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4="
HEADERS = ("-H", f"x-timestamp: {TIME}", "-H", "Content-Type: application/json")


@pytest.fixture
def published(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command of the application in the documents."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", PUBLISHED_KEY)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", PUBLISHED_SECRET)
    return command


class TestSign:
    """``sinch-voice sign``."""

    def test_the_published_signature(self, published: Command) -> None:
        """The five lines, an empty one, and the headers."""
        ran = published("sign", "POST", PATH, "--body", BODY, "--timestamp", TIME)
        lines = ran.out.splitlines()
        assert lines[:6] == ["POST", "REWF+X220L4/Gw1spXOU7g==", "application/json", f"x-timestamp:{TIME}", PATH, ""]
        assert lines[6] == f"authorization: application {PUBLISHED_KEY}:{SIGNATURE}"
        assert lines[7:] == [f"x-timestamp: {TIME}", "content-type: application/json"]

    def test_a_body_comes_from_a_file(self, published: Command, tmp_path: Path) -> None:
        """Byte by byte; with --json it is one document."""
        file = tmp_path / "body.json"
        file.write_text(BODY)
        ran = published("sign", "post", PATH, "--body-file", str(file), "--timestamp", TIME, "--json")
        assert ran.document["headers"]["authorization"].endswith(SIGNATURE)

    def test_without_a_body_nothing_is_said_of_it(self, command: Command) -> None:
        """Two empty lines in the string to sign, and no content type to send; the time is now."""
        ran = command("sign", "GET", "/v1/configuration/numbers", "--json")
        assert ran.document["string_to_sign"].split("\n")[1:3] == ["", ""]
        assert [*ran.document["headers"]] == ["authorization", "x-timestamp"]
        flags = [part for name, value in ran.document["headers"].items() for part in ("-H", f"{name}: {value}")]
        verified = command("verify", "GET", "/v1/configuration/numbers", *flags)
        assert verified.out.endswith("The signature is right.\n")

    def test_a_body_is_given_once(self, command: Command, tmp_path: Path) -> None:
        """Two of them are wrong usage."""
        (tmp_path / "body").touch()
        ran = command("sign", "POST", "/", "--body", "x", "--body-file", str(tmp_path / "body"))
        assert (ran.code, "exclude each other" in ran.err) == (2, True)


class TestVerify:
    """``sinch-voice verify``."""

    def test_the_published_signature_is_right(self, published: Command) -> None:
        """Exit code 0; that it is old is said."""
        ran = published("verify", "POST", PATH, "--body", BODY, *_authorized(SIGNATURE), *HEADERS)
        assert ran.code == 0
        assert "The signature is right." in ran.out
        assert "refused as stale" in ran.out

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"path": "/api" + PATH}, "the path differs"),
            ({"path": PATH + "/"}, "the path differs"),
            ({"path": PATH + "?a=b"}, None),
            ({"kind": "application/json; charset=utf-8"}, "the Content-Type differs"),
            ({"body": BODY + "\n"}, "the Content-MD5 of the body differs"),
            ({"body": BODY + " ."}, "no usual change of the request explains it"),
            ({"key": "another"}, "not that of your application"),
            ({"scheme": "Bearer"}, "the authorization header is not"),
            ({"time": ""}, "there is no x-timestamp header"),
        ],
    )
    def test_what_differs_is_named(self, published: Command, changed: dict[str, str], reason: str | None) -> None:
        """The received signature is tried on what proxies and frameworks make of a request."""
        given = {"path": PATH, "kind": "application/json", "body": BODY, "key": PUBLISHED_KEY, "time": TIME} | changed
        signed = f"authorization: {given.get('scheme', 'application')} {given['key']}:{SIGNATURE}"
        headers = (signed, f"x-timestamp: {given['time']}", f"content-type: {given['kind']}")
        flags = [part for each in headers for part in ("-H", each)]
        ran = published("verify", "POST", given["path"], "--body", given["body"], *flags)
        assert ran.code == (0 if reason is None else 1)
        assert (reason or "is right") in ran.out

    def test_a_signed_query_is_found(self, command: Command) -> None:
        """Some sign it, and the platform's documents speak of the path alone."""
        signature = sign(Credentials(KEY, SECRET), string_to_sign("POST", "/a", b"", "", TIME) + "?b=c")
        flags = ("-H", f"authorization: application {KEY}:{signature}", "-H", f"x-timestamp: {TIME}")
        ran = command("verify", "POST", "/a?b=c", *flags)
        assert "the path differs: you signed '/a', the other side '/a?b=c'" in ran.out

    def test_a_timestamp_that_is_none_is_named(self, command: Command) -> None:
        """The signature may be right all the same."""
        signed = authorization(Credentials(KEY, SECRET), "GET", "/a", b"", "", "noon")
        ran = command("verify", "GET", "/a", "-H", f"authorization: {signed}", "-H", "x-timestamp: noon")
        assert (ran.code, "no ISO 8601 time" in ran.out) == (0, True)

    def test_an_undecoded_secret_is_found(self, command: Command) -> None:
        """The commonest mistake of all."""
        undecoded = Credentials(KEY, base64.b64encode(SECRET.encode()).decode())
        text = authorization(undecoded, "GET", "/a", b"", "", TIME)
        ran = command("verify", "GET", "/a", "-H", f"authorization: {text}", "-H", f"x-timestamp: {TIME}", "--json")
        assert "not decoded the secret from base64" in ran.document["reason"]

    def test_their_string_is_compared_line_by_line(self, command: Command, tmp_path: Path) -> None:
        """The sandbox gives it with 40102; the first line that differs is named."""
        theirs = tmp_path / "theirs"
        theirs.write_text(f"GET\n\n\nx-timestamp:{TIME}\n/b\n")
        flags = ("-H", f"authorization: application {KEY}:AAAA", "-H", f"x-timestamp: {TIME}")
        ran = command("verify", "GET", "/a", *flags, "--theirs", str(theirs))
        assert "the path differs: you signed '/a', the other side '/b'" in ran.out


def _authorized(signature: str) -> tuple[str, str]:
    return ("--header", f"Authorization: application {PUBLISHED_KEY}:{signature}")
