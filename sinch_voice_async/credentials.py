"""Who is asking: the key and the secret of one application of the platform."""

import base64
import binascii
import os

import attrs

from sinch_voice_async.errors import ConfigurationError

__all__ = ["KEY_VARIABLE", "SECRET_VARIABLE", "Credentials"]

KEY_VARIABLE = "SINCH_APPLICATION_KEY"
SECRET_VARIABLE = "SINCH_APPLICATION_SECRET"  # noqa: S105 - the name of a variable, not a secret


@attrs.frozen(repr=False)
class Credentials:
    """The key and the secret of one application, checked when they are put together.

    ``application_secret`` is the base64 text that the dashboard shows; ``signing_key`` is what it stands for. The
    ``repr`` shows the first four characters of the key and nothing of the secret.

    :raises ConfigurationError: either is empty, has white space or a colon in it, or the secret is not base64.

    Source: Authentication, Application signed request.
    """

    application_key: str
    application_secret: str
    signing_key: bytes = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what could not sign or would break the header that it goes into."""
        if not _is_token(self.application_key) or ":" in self.application_key:
            raise ConfigurationError(_explain("application_key", KEY_VARIABLE, "one word of visible ASCII, no colon"))
        if not _is_token(self.application_secret):
            raise ConfigurationError(_explain("application_secret", SECRET_VARIABLE, "the dashboard's base64 text"))
        object.__setattr__(self, "signing_key", _decoded(self.application_secret))

    @classmethod
    def from_environment(
        cls, application_key: str | None = None, application_secret: str | None = None
    ) -> "Credentials":
        """Take what was not passed from ``SINCH_APPLICATION_KEY`` and ``SINCH_APPLICATION_SECRET``.

        :raises ConfigurationError: one of them is neither passed nor set, or is malformed.
        """
        key = os.environ.get(KEY_VARIABLE) if application_key is None else application_key
        secret = os.environ.get(SECRET_VARIABLE) if application_secret is None else application_secret
        if not key:
            raise ConfigurationError(f"no application key: pass application_key= or set {KEY_VARIABLE}")
        if not secret:
            raise ConfigurationError(f"no application secret: pass application_secret= or set {SECRET_VARIABLE}")
        return cls(key, secret)

    def __repr__(self) -> str:
        return f"Credentials(application_key='{self.application_key[:4]}…', application_secret=<hidden>)"


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


def _decoded(secret: str) -> bytes:
    # `from None`: binascii's error would put the secret's surroundings into a traceback.
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise ConfigurationError(
            _explain("application_secret", SECRET_VARIABLE, "the dashboard's base64 text")
        ) from None


def _explain(argument: str, variable: str, rule: str) -> str:
    return f"{argument} (or {variable}) is malformed: it must be {rule}"
