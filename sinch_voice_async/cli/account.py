"""Whose application a command speaks for: the key and the secret, and where the secret was found.

The secret is looked for in ``SINCH_APPLICATION_SECRET``, in the keyring (service ``sinch-voice``, user name the
application key) where the package ``keyring`` is installed, and asked for on a terminal.
"""

import os
import sys

import attrs
import click

import sinch_voice_async
from sinch_voice_async.cli.settings import Settings

__all__ = ["Account", "find_account"]

KEYRING_SERVICE = "sinch-voice"


@attrs.frozen
class Account:
    """The credentials, and in words where the secret came from."""

    credentials: "sinch_voice_async.Credentials"
    source: str


def find_account(settings: Settings) -> Account:
    """Return whom to sign as, asking on a terminal for what is nowhere.

    :raises ConfigurationError: something is missing and nobody can be asked, or it is malformed.
    """
    key = settings.application_key or os.environ.get("SINCH_APPLICATION_KEY")
    if not key:
        key = _ask("application key", "set SINCH_APPLICATION_KEY or pass --application-key", hidden=False)
    secret, source = _secret(key)
    return Account(sinch_voice_async.Credentials(key, secret), source)


def _secret(key: str) -> tuple[str, str]:
    if secret := os.environ.get("SINCH_APPLICATION_SECRET"):
        return secret, "the environment"
    if secret := _from_keyring(key):
        return secret, "the keyring"
    remedy = f"set SINCH_APPLICATION_SECRET, or keep it with `keyring set {KEYRING_SERVICE} <application key>`"
    return _ask("application secret", remedy, hidden=True), "the prompt"


def _from_keyring(key: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415 - an option, and slow to load
        from keyring.errors import KeyringError  # noqa: PLC0415 - the same
    except ModuleNotFoundError:
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, key)
    except KeyringError:
        # Locked, or a machine that has none: the next place may know.
        return None


def _ask(what: str, remedy: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        raise sinch_voice_async.ConfigurationError(f"no {what}: {remedy}")
    answer: str = click.prompt(what.capitalize(), hide_input=hidden, err=True)
    return answer
