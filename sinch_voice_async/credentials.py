"""Credentials: the key and the secret of one application of the platform, which no tool shows by accident."""

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Any, Final, NoReturn, SupportsIndex, overload

from sinch_voice_async.errors import ConfigurationError

__all__ = [
    "KEY_VARIABLE",
    "SECRET_VARIABLE",
    "Credentials",
    "accepted_credentials",
    "hidden",
    "hidden_bytes",
    "several",
]

KEY_VARIABLE: Final = "SINCH_APPLICATION_KEY"
SECRET_VARIABLE: Final = "SINCH_APPLICATION_SECRET"  # noqa: S105  # the name of a variable, not a secret
_SECRET_RULE: Final = "the dashboard's base64 text"  # noqa: S105  # likewise


class _HiddenText(str):
    """A text that can be used as any other, and whose ``repr`` shows nothing of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"

    def __getitem__(self, key: "SupportsIndex | slice") -> str:
        # Tools that shorten a long text do so before they ask for its repr.
        return _HiddenText(super().__getitem__(key))


class _HiddenBytes(bytes):
    """Bytes that can be used as any other, and whose ``repr`` shows nothing of them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _HiddenBytes(found) if isinstance(found, bytes) else found


@overload
def hidden(secret: str) -> str: ...
@overload
def hidden(secret: str | None) -> str | None: ...
def hidden(secret: str | None) -> str | None:
    """Return a secret as a text that does not show itself: in a traceback with local variables, for example."""
    if isinstance(secret, str):
        return _HiddenText(secret)
    return secret if secret is None else _HiddenText()


def hidden_bytes(secret: bytes) -> bytes:
    """Return bytes that hold a secret as bytes that do not show themselves."""
    return _HiddenBytes(secret)


class Credentials:
    """The key and the secret of one application, checked when the object is made.

    ``application_secret`` is the base64 text that the dashboard shows; ``signing_key`` is what it encodes. Credentials
    are frozen, compare and hash by key and secret, and copy as themselves.

    No tool shows the secret by accident: the ``repr`` has the first four characters of the key alone, the texts that
    hold the secret have a ``repr`` of ``<hidden>``, and the class is not an attrs class or dataclass whose fields rich
    or ``attrs.asdict`` would walk. A pickle holds the key alone: it is loaded with the secret that
    ``SINCH_APPLICATION_SECRET`` has in the process that loads it.

    :raises ConfigurationError: either is empty, has white space, the key has a colon, or the secret is not base64.

    Source: Authentication, Application signed request.
    """

    __slots__ = ("application_key", "application_secret", "signing_key")

    application_key: str
    application_secret: str
    signing_key: bytes

    def __init__(self, application_key: str, application_secret: str) -> None:
        application_secret = hidden(application_secret)
        if not _is_token(application_key) or ":" in application_key:
            raise ConfigurationError(_explain("application_key", KEY_VARIABLE, "one word of visible ASCII, no colon"))
        signing_key = _decoded(application_secret) if _is_token(application_secret) else None
        if signing_key is None:
            raise ConfigurationError(_explain("application_secret", SECRET_VARIABLE, _SECRET_RULE))
        object.__setattr__(self, "application_key", application_key)
        object.__setattr__(self, "application_secret", application_secret)
        object.__setattr__(self, "signing_key", signing_key)

    @classmethod
    def from_environment(
        cls, application_key: str | None = None, application_secret: str | None = None
    ) -> "Credentials":
        """Return credentials of which the missing parts are ``SINCH_APPLICATION_KEY`` and ``SINCH_APPLICATION_SECRET``.

        :raises ConfigurationError: one of them is neither passed nor set, or is malformed.
        """
        application_secret = hidden(application_secret)
        key = os.environ.get(KEY_VARIABLE) if application_key is None else application_key
        secret = hidden(os.environ.get(SECRET_VARIABLE)) if application_secret is None else application_secret
        if not key:
            raise ConfigurationError(f"no application key: pass application_key= or set {KEY_VARIABLE}")
        if not secret:
            raise ConfigurationError(f"no application secret: pass application_secret= or set {SECRET_VARIABLE}")
        return cls(key, secret)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Credentials are frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Credentials are frozen: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credentials):
            return NotImplemented
        return (self.application_key, self.application_secret) == (other.application_key, other.application_secret)

    def __hash__(self) -> int:
        return hash((self.application_key, self.application_secret))

    def __copy__(self) -> "Credentials":
        return self

    def __deepcopy__(self, _: object) -> "Credentials":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Credentials.from_environment, (self.application_key,)

    def __repr__(self) -> str:
        # A traceback with local variables shows an object whose constructor has failed, too.
        key = getattr(self, "application_key", "")
        return f"Credentials(application_key='{key[:4]}…', application_secret=<hidden>)"


def several(credentials: Credentials | Sequence[Credentials]) -> tuple[Credentials, ...]:
    """Return one or several credentials as a tuple; raise ``ConfigurationError`` for anything else."""
    found = tuple(credentials) if isinstance(credentials, Sequence) else (credentials,)
    if not found or not all(isinstance(one, Credentials) for one in found):
        raise ConfigurationError("credentials must be a Credentials or a sequence of at least one")
    return found


def accepted_credentials(
    application_key: str | None,
    application_secret: str | None,
    credentials: Credentials | Sequence[Credentials] | None,
) -> tuple[Credentials, ...]:
    """Return what a server accepts: ``credentials``, or the pair, whose missing parts the environment has.

    :raises ConfigurationError: both are given, or one of them is missing or malformed.
    """
    application_secret = hidden(application_secret)
    if credentials is None:
        return (Credentials.from_environment(application_key, application_secret),)
    if application_key is not None or application_secret is not None:
        raise ConfigurationError("pass application_key and application_secret, or credentials, not both")
    return several(credentials)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


def _decoded(secret: str) -> bytes | None:
    # An error of binascii would travel along as the context of ours, and its frames hold the secret.
    try:
        return _HiddenBytes(base64.b64decode(secret, validate=True))
    except binascii.Error:
        return None


def _explain(argument: str, variable: str, rule: str) -> str:
    return f"{argument} (or {variable}) is malformed: it must be {rule}"
