"""``sinch-voice doctor``: each step from this machine to a signed answer, what is wrong with it, and what to do next.

The way to a server is looked at a layer at a time: its name, a connection, and TLS, without a byte of a request. Then a
signed request that changes nothing goes to each host of the platform; the ``Date`` of any answer is its clock.
"""

import contextlib
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeVar

import anyio
import attrs
import click
import httpx
from anyio import to_thread

from sinch_voice_async import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    Credentials,
    NotFoundError,
    Region,
    SinchVoiceError,
    VoiceClient,
)
from sinch_voice_async._transport.origin import DEFAULT_PORTS
from sinch_voice_async._transport.proxies import proxy_for_url
from sinch_voice_async.cli.client import client_of, on_loop, region_of
from sinch_voice_async.cli.failures import ExitCode, masked
from sinch_voice_async.cli.output import say, say_marked, show, visible
from sinch_voice_async.cli.settings import Account, Command, Settings, find_account, settable
from sinch_voice_async.client import BASE_URL_VARIABLE, CONFIGURATION_URL_VARIABLE
from sinch_voice_async.regions import CONFIGURATION_HOST

__all__ = ["Check", "Examination", "doctor"]

T = TypeVar("T")

_NO_NETWORK = "Is this machine on the network, and is the name right? Behind a proxy, set HTTPS_PROXY."
_CERTIFICATES = {
    "expired": "Look at the clock of this machine first; if it is right, the server's certificate is at fault.",
    "not yet valid": "Look at the clock of this machine: it seems to be behind.",
    "mismatch": "The certificate is another host's: check --base-url, and whether something redirects the name.",
}
_UNKNOWN_AUTHORITY = (
    "Nobody that this machine trusts has signed the certificate. Where a proxy or firewall of your company opens TLS, "
    "set SSL_CERT_FILE to the certificate of its authority."
)
_LONGEST = 10.0
_NOBODY = Credentials("nobody", "bm9ib2R5")
_TOLERABLE = 5.0
_HARMFUL = 60.0
_SET_CLOCK = "Set the clock of this machine, and let it follow a time server (NTP)."
_REFUSALS: Final = {
    40101: ("the timestamp was refused", _SET_CLOCK),
    40105: ("the timestamp was refused as expired", _SET_CLOCK),
    40102: (
        "the signature was refused: the secret does not belong to this key",
        "Copy key and secret of the same application from the dashboard once more, the secret whole and undecoded.",
    ),
    40107: (
        "the platform knows no such application key",
        "Copy the key from the dashboard, and check that SINCH_APPLICATION_KEY is not another application's.",
    ),
    40108: (
        "key or secret was refused",
        "Copy key and secret of the same application from the dashboard once more.",
    ),
    40301: ("this kind of authorization is refused", "Try the other one: --auth signed or --auth basic."),
}
_MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "failed": ("FAIL", "red"), "skipped": ("-", None)}


@attrs.frozen
class Check:
    """One step: what was looked at, how it is, what was found, and what to do if it is not well."""

    name: str
    status: Literal["ok", "warning", "failed", "skipped"]
    found: str
    advice: str = ""


def passed(name: str, found: str) -> Check:
    """A step that is well."""
    return Check(name, "ok", found)


def warning(name: str, found: str, advice: str) -> Check:
    """A step that works and deserves a look."""
    return Check(name, "warning", found, advice)


def failed(name: str, found: str, advice: str) -> Check:
    """A step that keeps requests from working."""
    return Check(name, "failed", found, advice)


def skipped(name: str, why: str) -> Check:
    """A step that says nothing after what went before."""
    return Check(name, "skipped", why)


@settable
@click.command(cls=Command)
@click.option("--call", "call_id", metavar="CALL_ID", help="Also find the region that knows this call.")
@click.option("--conference", "conference_id", metavar="ID", help="Also find the region that has this conference.")
@click.pass_obj
def doctor(settings: Settings, /, *, call_id: str | None, conference_id: str | None) -> int:
    """Find out why requests fail.

    Looks at credentials, network, TLS, clock and region, and sends signed requests that change nothing. Each step is a
    line; one that fails says what to do next. Exits with 1 if one fails.

    Examples:
      sinch-voice doctor
      sinch-voice doctor --call 4398599d1ba84ef3bde0a82dfb61abed
    """
    examination = Examination(settings, _account(settings), call_id, conference_id)
    on_loop(settings, examination.run, lambda: "Stopped.")
    if settings.json:
        show(settings, {"ok": examination.well, "checks": examination.checks}, "")
    return ExitCode.OK if examination.well else ExitCode.FAILED


def _account(settings: Settings) -> Account | ConfigurationError:
    try:
        return find_account(settings)
    except ConfigurationError as error:
        return error


def _print(check: Check) -> None:
    mark, colour = _MARKS[check.status]
    say_marked(f"{mark:<5}", colour, f"{check.name}: {visible(check.found)}")
    if check.advice:
        say(f"      {visible(check.advice)}")


@attrs.define
class Examination:
    """One run. Each step is printed when it is done; with ``--json`` all of them are one document at the end."""

    settings: Settings
    account: Account | ConfigurationError
    call_id: str | None = None
    conference_id: str | None = None
    _checks: list[Check] = attrs.Factory(list)

    @property
    def well(self) -> bool:
        """Whether no step has failed."""
        return "failed" not in [check.status for check in self._checks]

    @property
    def checks(self) -> Sequence[Check]:
        """Every step so far."""
        return self._checks

    async def run(self) -> None:
        """Take all steps."""
        self._add(self._credentials())
        try:
            client = self._client()
            servers = self._servers()
        except ConfigurationError as error:
            self._add(failed("region and hosts", masked(str(error)), "Nothing can be reached before this is right."))
            return
        self._add(passed("region and hosts", ", ".join(str(server) for server in servers)))
        async with client:
            await self._network(servers)
            await self._requests(client, servers)

    def _add(self, *checks: Check) -> None:
        for check in checks:
            self._checks.append(check)
            if not self.settings.json:
                _print(check)

    def _credentials(self) -> Check:
        if isinstance(self.account, ConfigurationError):
            return failed("credentials", masked(str(self.account)), "They are in the dashboard, with the application.")
        key = self.account.credentials.application_key
        return passed("credentials", f"key {key[:4]}…, a well-formed secret from {self.account.source}")

    def _client(self) -> VoiceClient:
        # Without credentials the way can be looked at all the same, by a client that sends nothing.
        return client_of(self.settings, self.account.credentials if isinstance(self.account, Account) else _NOBODY)

    def _servers(self) -> list[httpx.URL]:
        """The calling host and the configuration host, as the client has them."""
        base = self.settings.base_url or os.environ.get(BASE_URL_VARIABLE)
        configuration = self.settings.configuration_url or os.environ.get(CONFIGURATION_URL_VARIABLE) or base
        region = region_of(self.settings)
        found = (base or f"https://{region.host}", configuration or f"https://{CONFIGURATION_HOST}")
        return [httpx.URL(url) for url in found]

    async def _network(self, servers: list[httpx.URL]) -> None:
        for server in dict.fromkeys(self._behind_proxy(server) for server in servers):
            port = server.port or DEFAULT_PORTS[server.scheme]
            seconds = min(self.settings.timeout, _LONGEST)
            self._add(*await examine_network(server.scheme, server.host, port, timeout=seconds))

    def _behind_proxy(self, server: httpx.URL) -> httpx.URL:
        """Return the proxy that the client uses for a server, or the server."""
        proxy = proxy_for_url(server, self.settings.proxy)
        return server.copy_with(path="/") if proxy is None else httpx.URL(str(proxy))

    async def _requests(self, client: VoiceClient, servers: list[httpx.URL]) -> None:
        missing = (
            "credentials"
            if isinstance(self.account, ConfigurationError)
            else "the failed step above"
            if not self.well
            else ""
        )
        if missing:
            self._add(skipped("signed request", f"see {missing}"), skipped("clock", f"see {missing}"))
            return
        answers: list[Answer] = []
        for server, configuration in zip(servers, (False, True), strict=True):
            answers.append(await ask(client, server.host, configuration=configuration))
        self._add(examine_clock(answers), *map(examine_answer, answers))
        await self._search(client)

    async def _search(self, client: VoiceClient) -> None:
        clients = {region.value: client.with_options(region=region) for region in Region}
        current = region_of(self.settings).value
        if self.settings.base_url or os.environ.get(BASE_URL_VARIABLE):
            clients, current = {"the base URL": client}, "the base URL"
        if self.call_id:
            self._add(await search("call", self.call_id, clients, current))
        if self.conference_id:
            self._add(await search("conference", self.conference_id, clients, current))


async def examine_network(scheme: str, host: str, port: int, *, timeout: float) -> list[Check]:
    """Look at the way to one server; each layer is given ``timeout`` seconds, and the first that fails is the last."""
    silent = failed(f"DNS {host}", f"no name server answered within {timeout:g} s", _NO_NETWORK)
    resolved = await _within(timeout, lambda: _resolve(host, port)) or silent
    if resolved.status == "failed":
        return [resolved, skipped(f"TCP {host}", "the name is unknown"), skipped(f"TLS {host}", "the name is unknown")]
    check, connection = await to_thread.run_sync(lambda: _connect(host, port, timeout), abandon_on_cancel=True)
    if connection is None:
        return [resolved, check, skipped(f"TLS {host}", "there is no connection")]
    with contextlib.closing(connection):
        if scheme != "https":
            return [resolved, check, skipped(f"TLS {host}", "plain http")]
        tls = await to_thread.run_sync(lambda: _shake_hands(connection, host), abandon_on_cancel=True)
    return [resolved, check, tls]


async def _within(timeout: float, call: Callable[[], T]) -> T | None:
    with anyio.move_on_after(timeout):
        return await to_thread.run_sync(call, abandon_on_cancel=True)
    return None


def _resolve(host: str, port: int) -> Check:
    name = f"DNS {host}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return failed(name, f"the name cannot be resolved: {getattr(error, 'strerror', None) or error}", _NO_NETWORK)
    addresses = [*dict.fromkeys(str(address[4][0]) for address in found)]
    return passed(name, ", ".join(addresses[:4]))


def _connect(host: str, port: int, timeout: float) -> tuple[Check, socket.socket | None]:
    name = f"TCP {host}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except TimeoutError:
        advice = "A firewall may swallow the packets: ask who runs it, or set HTTPS_PROXY to the proxy that is allowed."
        return failed(name, f"port {port} did not answer within {timeout:g} s", advice), None
    except OSError as error:
        advice = "Nothing listens there, or something on the way refuses: check --base-url and the firewall."
        if _is_loopback(host):
            advice = "Nothing listens there: is the sandbox running, and on this port?"
        return failed(name, f"port {port}: {error.strerror or error}", advice), None
    return passed(name, f"port {port} is open"), connection


def _shake_hands(connection: socket.socket, host: str) -> Check:
    name = f"TLS {host}"
    try:
        version = _tls_version(connection, host)
    except ssl.SSLCertVerificationError as error:
        advice = [said for word, said in _CERTIFICATES.items() if word in str(error)] or [_UNKNOWN_AUTHORITY]
        return failed(name, f"the certificate was refused: {error.verify_message}", advice[0])
    except OSError as error:
        reason = getattr(error, "reason", None) or "the connection ended, or stalled, before TLS was agreed on"
        return failed(name, f"no TLS at this port: {reason}", "Is it https at all? Check --base-url and the proxy.")
    return passed(name, f"{version}, the certificate is trusted")


def _tls_version(connection: socket.socket, host: str) -> str | None:
    with httpx.create_ssl_context().wrap_socket(connection, server_hostname=host) as tls:
        return tls.version()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@attrs.frozen
class Answer:
    """What came back for one harmless request; ``error`` stays None if all was well."""

    host: str
    headers: Mapping[str, str]
    error: SinchVoiceError | None
    at: float


async def ask(client: VoiceClient, host: str, *, configuration: bool) -> Answer:
    """Send the harmless request: the list of numbers, or a call that cannot exist and is rightly not found."""
    path = "/v1/configuration/numbers" if configuration else "/calling/v1/calls/id/sinch-voice-doctor"
    try:
        response = await client.request("GET", path, configuration=configuration)
    except NotFoundError as error:
        found = None if not configuration and error.code is not None else error
        return Answer(host, error.headers, found, time.time())
    except APIError as error:
        return Answer(host, error.headers, error, time.time())
    except SinchVoiceError as error:
        return Answer(host, {}, error, time.time())
    return Answer(host, response.headers, None, time.time())


def examine_answer(answer: Answer) -> Check:
    """Say what the answer to the signed request tells."""
    name, error = f"signed request {answer.host}", answer.error
    if error is None:
        return passed(name, "accepted")
    code = error.code if isinstance(error, APIError) else None
    if code in _REFUSALS:
        found, advice = _REFUSALS[code]
        return failed(name, f"{found} ({code})", advice)
    found = masked(str(error))
    if isinstance(error, APIError) and 300 <= error.status < 400:
        advice = (
            "This host sends requests elsewhere, which a signed one does not follow: check --region and --base-url."
        )
        return failed(name, found, advice)
    if isinstance(error, AuthenticationError):
        return failed(name, found, "Copy key and secret of the same application from the dashboard once more.")
    if isinstance(error, APIError) and error.code is None:
        advice = "What answers there does not speak as the platform does: check --region, --base-url and the proxy."
        return failed(name, found, advice)
    return failed(name, found, "The steps above say how far requests come; try again in a minute.")


def examine_clock(answers: list[Answer]) -> Check:
    """Compare this machine's clock with the ``Date`` of an answer, which has whole seconds."""
    offsets = [offset for offset in map(_offset, answers) if offset is not None]
    if not offsets:
        return skipped("clock", "no answer had a date to compare with")
    offset = offsets[0]
    found = f"{abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the platform's"
    if abs(offset) <= _TOLERABLE:
        return passed("clock", f"within {_TOLERABLE:g} s of the platform's")
    if abs(offset) <= _HARMFUL:
        return warning("clock", found, _SET_CLOCK)
    advice = f"{_SET_CLOCK} The platform refuses timestamps that are far off; callbacks are refused here as stale."
    return failed("clock", found, advice)


def _offset(answer: Answer) -> float | None:
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() + 0.5 - answer.at


async def search(
    kind: Literal["call", "conference"], wanted: str, clients: Mapping[str, VoiceClient], current: str
) -> Check:
    """Look for a call or conference in every region, each by its own client; ``current`` is the one in use."""
    found: list[str] = []
    silent: list[str] = []

    async def look(region: str, client: VoiceClient) -> None:
        try:
            await (client.calls.get(wanted) if kind == "call" else client.conferences.get(wanted))
            found.append(region)
        except NotFoundError:
            pass
        except SinchVoiceError:
            silent.append(region)

    async with anyio.create_task_group() as tasks:
        for region, client in clients.items():
            tasks.start_soon(look, region, client)
    name = f"region of the {kind}"
    if current in found:
        return passed(name, f"{current} knows it")
    if found:
        return failed(name, f"{current} does not know it, {found[0]} does", f"Use --region {found[0]} for it.")
    unasked = f"; no answer from {', '.join(sorted(silent))}" if silent else ""
    return failed(name, f"no region knows it{unasked}", f"It has ended, or the id is another application's {kind}.")
