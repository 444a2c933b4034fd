"""``sinch-voice doctor``: each thing that can be wrong is told apart, with what to do about it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from sinch_voice_async import ConfigurationError, VoiceClient
from sinch_voice_async.cli.commands import doctor
from sinch_voice_async.cli.commands.doctor import Check
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.sandbox import Sandbox

from .conftest import CALLEE, CLI, Command


def checks(command: Command, *more: str) -> dict[str, Any]:
    """Return what was found by the name of the step, the host left out."""
    ran = command("doctor", "--json", *more)
    found = {
        each["name"].removesuffix(" 127.0.0.1").removesuffix(" localhost"): each for each in ran.document["checks"]
    }
    assert ran.code == (0 if ran.document["ok"] else 1)
    assert ran.document["ok"] == (failures(found) == [])
    advised = {name for name, each in found.items() if each["advice"]}
    assert advised == {name for name, each in found.items() if each["status"] in {"failed", "warning"}}
    return found


def failures(found: dict[str, Any]) -> list[str]:
    """Return the steps that failed."""
    return [name for name, each in found.items() if each["status"] == "failed"]


class TestWell:
    """A machine on which all is well."""

    def test_every_step_is_a_line(self, either: Command) -> None:
        """Nothing failed, nothing to do, exit code 0."""
        ran = either("doctor")
        assert ran.code == 0
        lines = [line.split()[:2] for line in ran.out.splitlines()]
        names = ["credentials:", "region", "DNS", "TCP", "TLS", "clock:", "signed", "signed"]
        assert [name for _, name in lines] == names
        assert {mark for mark, _ in lines} == {"ok", "-"}

    def test_a_call_is_looked_for(self, command: Command, sandbox: Sandbox) -> None:
        """And a conference; with a base URL there is one place to look in."""
        sandbox.phone(CALLEE).hangs_up(after=None)
        call_id = command("conference", "call", "board", CALLEE, "--cli", CLI).out.strip()
        found = checks(command, "--call", call_id, "--conference", "board")
        assert found["region of the call"]["found"] == "the base URL knows it"
        assert found["region of the conference"]["status"] == "ok"
        assert failures(checks(command, "--call", "nobody")) == ["region of the call"]


class TestCredentials:
    """What is wrong with key and secret."""

    def test_a_wrong_secret(self, either: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """The signature is refused: the secret does not belong to the key."""
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", "b3RoZXI=")
        found = checks(either)
        assert failures(found) == ["signed request"]
        assert "the secret does not belong to this key (40102)" in found["signed request"]["found"]

    def test_a_wrong_key(self, command: Command) -> None:
        """The platform does not know it."""
        found = checks(command, "--application-key", "other")
        assert "knows no such application key (40107)" in found["signed request"]["found"]

    def test_basic_credentials(self, command: Command) -> None:
        """Either of the two."""
        found = checks(command, "--application-key", "other", "--auth", "basic")
        assert "key or secret was refused (40108)" in found["signed request"]["found"]

    def test_a_malformed_secret(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is sent, and the network is looked at all the same."""
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", "not base64!")
        found = checks(command)
        assert failures(found) == ["credentials"]
        assert found["TCP"]["status"] == "ok"
        assert found["signed request"] == {
            "name": "signed request",
            "status": "skipped",
            "found": "see credentials",
            "advice": "",
        }


class TestClock:
    """What is wrong with the time."""

    @pytest.mark.parametrize(
        ("offset", "found"), [(600, "s behind the platform's"), (-600, "s ahead of the platform's")]
    )
    def test_ten_minutes_off(self, either: Command, sandbox: Sandbox, offset: float, found: str) -> None:
        """The clock is named, not the secret."""
        sandbox.clock.offset = offset
        clock = checks(either)["clock"]
        assert clock["status"] == "failed"
        assert found in clock["found"]
        assert clock["advice"].startswith("Set the clock of this machine")

    def test_half_a_minute_off(self, command: Command, sandbox: Sandbox) -> None:
        """It works, and deserves a look."""
        sandbox.clock.offset = 30
        assert checks(command)["clock"]["status"] == "warning"
        assert "look  clock" in command("doctor").out

    def test_an_answer_without_a_date(self) -> None:
        """There is nothing to compare with."""
        answers = [doctor.Answer("host", {}, None, 0.0), doctor.Answer("host", {"date": "noon"}, None, 0.0)]
        assert doctor.examine_clock(answers).status == "skipped"

    def test_a_date_without_a_zone_is_utc(self) -> None:
        """As RFC 5322 has it."""
        answer = doctor.Answer("host", {"date": "Thu, 01 Jan 1970 00:00:00 -0000"}, None, 0.0)
        assert doctor.examine_clock([answer]).status == "ok"


class TestNetwork:
    """What is wrong between this machine and the platform."""

    def test_a_closed_port(self, either: Command) -> None:
        """Nothing listens there; what needs it is skipped."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            found = checks(either, "--base-url", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert failures(found) == ["TCP"]
        assert "is the sandbox running" in found["TCP"]["advice"]
        assert found["signed request"]["found"] == "see the failed step above"

    def test_a_name_that_does_not_resolve(self, either: Command) -> None:
        """No network, or a misspelt name."""
        found = checks(either, "--base-url", "https://nobody.invalid")
        assert failures(found) == ["DNS nobody.invalid"]
        assert "on the network" in found["DNS nobody.invalid"]["advice"]

    async def test_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A firewall that swallows packets is told from a refusal, and so is a name server that is not there."""

        def late(*_: object) -> None:
            raise TimeoutError

        monkeypatch.setattr(socket, "create_connection", late)
        found = await doctor.examine_network("https", "127.0.0.1", 9, timeout=20)
        assert "did not answer within 20 s" in found[1].found
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10))
        found = await doctor.examine_network("https", "example.com", 9, timeout=0.05)
        assert "no name server answered" in found[0].found
        over.set()

    async def test_a_refusal_from_another_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The advice is not that of a sandbox."""

        def refused(*_: object) -> None:
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("192.0.2.1", 443))])
        monkeypatch.setattr(socket, "create_connection", refused)
        found = await doctor.examine_network("https", "example.com", 443, timeout=5)
        assert (found[1].found, "firewall" in found[1].advice) == ("port 443: Connection refused", True)

    def test_the_way_leads_through_a_proxy(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Then it is the proxy that has to be reached, unless NO_PROXY says otherwise; never for this machine."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
            assert failures(checks(command, "--base-url", "https://nobody.invalid", "--proxy", proxy)) == ["TCP"]
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
                monkeypatch.setenv(name, proxy)
            assert failures(checks(command)) == []
            assert failures(checks(command, "--base-url", "https://nobody.invalid")) == ["TCP"]
            monkeypatch.setenv("no_proxy", "nobody.invalid")
            assert failures(checks(command, "--base-url", "https://nobody.invalid")) == ["DNS nobody.invalid"]


class TestTls:
    """What is wrong with the certificate."""

    def test_an_unknown_authority(self, either: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The certificate of its authority is what is missing, and helps."""
        authority = trustme.CA()
        with serving_tls(authority.issue_cert("localhost")) as port:
            found = checks(either, "--base-url", f"https://localhost:{port}")
            assert failures(found) == ["TLS"]
            assert "SSL_CERT_FILE" in found["TLS"]["advice"]
            authority.cert_pem.write_to_path(tmp_path / "authority.pem")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
            found = checks(either, "--base-url", f"https://localhost:{port}", "--max-attempts", "1")
            assert found["TLS"]["status"] == "ok"

    def test_another_hosts_certificate(self, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Not the clock, nor the authority."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        with serving_tls(authority.issue_cert("example.com")) as port:
            found = checks(command, "--base-url", f"https://localhost:{port}")
        assert "another host's" in found["TLS"]["advice"]

    def test_no_tls_at_all(self, command: Command, sandbox: Sandbox) -> None:
        """The sandbox speaks plain http."""
        found = checks(command, "--base-url", sandbox.url.replace("http:", "https:"))
        assert failures(found) == ["TLS"]
        assert "Is it https at all?" in found["TLS"]["advice"]


class TestRegion:
    """What is wrong with where requests go."""

    def test_a_region_that_cannot_exist(self, command: Command) -> None:
        """Those that do are named."""
        found = checks(command, "--region", "a.b")
        assert failures(found) == ["region and hosts"]
        assert "global, euc1, use1" in found["region and hosts"]["found"]

    @pytest.mark.parametrize(
        ("answer", "advice"),
        [
            (
                b"HTTP/1.1 302 Found\r\nLocation: https://calling-euc1.api.sinch.com\r\nContent-Length: 0\r\n\r\n",
                "--region",
            ),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n<html/>\r\n", "does not speak as the platform does"),
            (b'HTTP/1.1 401 No\r\nContent-Length: 20\r\n\r\n{"errorCode": 40199}', "Copy key and secret"),
            (b'HTTP/1.1 500 No\r\nContent-Length: 20\r\n\r\n{"errorCode": 50000}', "try again"),
            (b"nonsense\r\n\r\n", "The steps above"),
        ],
    )
    def test_somebody_else_answers(self, command: Command, answer: bytes, advice: str) -> None:
        """A redirect, or a web site: check the region and the base URL."""
        with answering(answer) as port:
            found = checks(command, "--base-url", f"http://127.0.0.1:{port}", "--max-attempts", "1")
        assert failures(found) == ["signed request"]
        assert advice in found["signed request"]["advice"]

    async def test_a_call_of_another_region(self, sandbox: Sandbox) -> None:
        """The region that knows it is named."""
        with Sandbox(**_same(sandbox)).serve() as other:
            sandbox.phone(CALLEE).hangs_up(after=None)
            async with (
                VoiceClient(**sandbox.client_options()) as europe,
                VoiceClient(**other.client_options()) as america,
                VoiceClient("key", "c2VjcmV0", base_url="http://127.0.0.1:9") as silent,
            ):
                receipt = await europe.callouts.conference(CALLEE, "board", cli=CLI)
                clients = {"euc1": europe, "use1": america, "sae1": silent}
                found = await doctor.search("call", receipt.call_id, clients, "use1")
                assert (found.status, found.advice) == ("failed", "Use --region euc1 for it.")
                found = await doctor.search("conference", "board", clients, "euc1")
                assert found.status == "ok"
                found = await doctor.search("conference", "nowhere", clients, "euc1")
                assert "no answer from sae1" in found.found
                found = await doctor.search("conference", "nowhere", {"euc1": europe}, "euc1")
                assert found.found == "no region knows it"

    async def test_all_regions_are_asked(self, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
        """Where no base URL stands in for them."""
        asked: list[str] = []

        async def search(kind: str, wanted: str, clients: dict[str, VoiceClient], current: str) -> Check:
            asked.extend([*clients, current])
            return Check("search", "ok", "")

        monkeypatch.setattr(doctor, "search", search)
        looked = doctor.Examination(Settings(), ConfigurationError("none"), "id", None)
        async with VoiceClient(**sandbox.client_options()) as client:
            await looked._search(client)
        assert asked == ["global", "euc1", "use1", "sae1", "apse1", "apse2", "global"]


def _same(sandbox: Sandbox) -> dict[str, Any]:
    account = sandbox.account
    return {"application_key": account.application_key, "application_secret": account.application_secret}


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Answer every request with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection:
                if connection.recv(65_536):
                    # Else the next request might go where nobody listens any more.
                    connection.sendall(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    with _threaded(serve, listener):
        yield listener.getsockname()[1]


@contextmanager
def serving_tls(certificate: trustme.LeafCert) -> Iterator[int]:
    """Shake hands, and hang up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
                with connection, context.wrap_socket(connection, server_side=True):
                    pass
            except OSError:
                if listener.fileno() < 0:
                    return

    with _threaded(serve, listener):
        yield listener.getsockname()[1]


@contextmanager
def _threaded(serve: Any, listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=serve)
    thread.start()
    yield
    # Closing alone does not wake whoever accepts.
    with listener:
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
