"""The steps in their order, each only where the ones before leave something to learn."""

import os
from collections.abc import Callable, Sequence

import attrs
import httpx

from sinch_voice_async import ConfigurationError, Credentials, Region, VoiceClient
from sinch_voice_async._transport.proxies import proxy_for_url
from sinch_voice_async.cli.account import Account
from sinch_voice_async.cli.doctor.checks import Check, failed, passed, skipped
from sinch_voice_async.cli.doctor.network import examine_network
from sinch_voice_async.cli.doctor.platform import Answer, ask, examine_answer, examine_clock, search
from sinch_voice_async.cli.failures import masked
from sinch_voice_async.cli.running import client_of, region_of
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.client import BASE_URL_VARIABLE, CONFIGURATION_URL_VARIABLE
from sinch_voice_async.regions import CONFIGURATION_HOST

__all__ = ["Examination"]

_PORTS = {"https": 443, "http": 80, "socks5": 1080, "socks5h": 1080}
_LONGEST = 10.0
_NOBODY = Credentials("nobody", "bm9ib2R5")


@attrs.define
class Examination:
    """One run: ``tell`` hears of each step as it is done."""

    settings: Settings
    account: Account | ConfigurationError
    tell: Callable[[Check], None]
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
            self.tell(check)

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
            port = server.port or _PORTS[server.scheme]
            seconds = min(self.settings.timeout, _LONGEST)
            self._add(*await examine_network(server.scheme, server.host, port, timeout=seconds))

    def _behind_proxy(self, server: httpx.URL) -> httpx.URL:
        """Return the proxy that the client uses for a server, or the server."""
        proxy = proxy_for_url(server, self.settings.proxy)
        return server.copy_with(path="/") if proxy is None else httpx.URL(str(proxy))

    async def _requests(self, client: VoiceClient, servers: list[httpx.URL]) -> None:
        missing = "credentials" if isinstance(self.account, ConfigurationError) else "network" if not self.well else ""
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
