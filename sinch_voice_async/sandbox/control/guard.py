"""Who may reach the control API and its page: a person or program at this machine, and no web page from elsewhere.

There is no password, so two attacks through a visitor's browser are refused instead. DNS rebinding gives a foreign
name this machine's address: ``Host`` must be ``localhost``, an IP address, or a name that the owner of the sandbox has
allowed (``--allow-host``). Cross-site requests carry ``Origin`` or ``Sec-Fetch-Site``: both must say that the request
comes from the sandbox's own page. And a body must be called JSON, which a form of another site cannot do without
asking first.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["BODY_METHODS", "Guard"]

BODY_METHODS = ("POST", "PUT", "PATCH")


class Guard:
    """Lets requests in by their headers. ``hosts`` are names that are allowed beside localhost and IP addresses."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.hosts: tuple[str, ...] = tuple(host.lower() for host in hosts)

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300 or 41500, a request that another site may have caused."""
        self.check_host(headers)
        host = headers["host"].lower()
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Origin' is another site")
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Sec-Fetch-Site' is another site")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in BODY_METHODS and media_type != "application/json":
            raise RefusalError(41500, "The body must be JSON, and 'Content-Type' must say application/json")

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300, a request to a name that a foreign site could have given this machine."""
        if not self._is_this_machine(headers.get("host", "")):
            problem = "'Host' is neither localhost, an IP address, nor a name given with --allow-host"
            raise RefusalError(40300, f"The sandbox is not controlled at this address: {problem}")

    def _is_this_machine(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
