"""What a sandbox is told when it is made, and what it tells a client."""

import base64
import binascii
import math
import secrets
from typing import TypedDict
from urllib.parse import urlsplit

__all__ = ["ClientOptions", "check_options", "made_up_secret"]


class ClientOptions(TypedDict):
    """The arguments that point a ``VoiceClient`` at a sandbox: ``VoiceClient(**sandbox.client_options())``."""

    application_key: str
    application_secret: str
    base_url: str
    configuration_url: str


def check_options(
    *, secret: str, speed: float, callback_url: str, history: int, calls_per_second: float | None
) -> None:
    """Raise ValueError, with the name of the option, for what cannot be."""
    try:
        base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise ValueError("application_secret is not base64") from None
    if not 0.0 <= speed < math.inf:
        raise ValueError("speed must be 0 or more")
    if callback_url and not _is_web_address(callback_url):
        raise ValueError("callback_url must be an http or https URL with a host")
    if history < 0:
        raise ValueError("history must be 0 or more")
    if calls_per_second is not None and not calls_per_second > 0.0:
        raise ValueError("calls_per_second must be more than 0")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def made_up_secret() -> str:
    """Return a secret that nobody else has."""
    return base64.b64encode(secrets.token_bytes(16)).decode()
