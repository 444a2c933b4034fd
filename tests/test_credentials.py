"""Credentials: checked where they are put together, and hidden ever after."""

import pickle

import pytest

from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import ConfigurationError

KEY, SECRET = "5F5C418A0F914BBC8234A9BF5EDDAD97", "JViE5vDor0Sw3WllZka15Q=="


def test_the_secret_is_decoded_once_and_hidden() -> None:
    """The signing key is what the base64 stands for; no text shows more than the head of the key."""
    credentials = Credentials(KEY, SECRET)
    assert credentials.signing_key.hex() == "255884e6f0e8af44b0dd69656646b5e5"
    assert repr(credentials) == "Credentials(application_key='5F5C…', application_secret=<hidden>)"
    assert SECRET not in str(credentials)


def test_equality_and_pickle() -> None:
    """Credentials are values: equal where key and secret are, and they travel."""
    assert Credentials(KEY, SECRET) == Credentials(KEY, SECRET) == pickle.loads(pickle.dumps(Credentials(KEY, SECRET)))
    assert hash(Credentials(KEY, SECRET)) == hash(Credentials(KEY, SECRET))


@pytest.mark.parametrize("key", ["", "a b", "a:b", "a\n", "ключ", None, 7])
def test_a_malformed_key(key: object) -> None:
    """A key that would break the header it goes into is refused, by the name of its argument and its variable."""
    with pytest.raises(ConfigurationError, match=r"application_key \(or SINCH_APPLICATION_KEY\)"):
        Credentials(key, SECRET)  # type: ignore[arg-type]  # what a user without a type checker does


@pytest.mark.parametrize("secret", ["", "canary", "not base64!", "====", "JViE5vDor0Sw3WllZka15Q", "a b", None, b"x"])
def test_a_malformed_secret(secret: object) -> None:
    """A secret that is not base64 is refused, and neither the message nor the traceback repeats it."""
    with pytest.raises(ConfigurationError, match=r"application_secret \(or SINCH_APPLICATION_SECRET\)") as caught:
        Credentials(KEY, secret)  # type: ignore[arg-type]  # what a user without a type checker does
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_environment_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not passed is taken from the environment; what is passed wins."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", "other")
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    assert Credentials.from_environment() == Credentials("other", SECRET)
    assert Credentials.from_environment(KEY) == Credentials(KEY, SECRET)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer is told which argument or variable to set."""
    with pytest.raises(ConfigurationError, match=r"application_key= or set SINCH_APPLICATION_KEY"):
        Credentials.from_environment()
    monkeypatch.setenv("SINCH_APPLICATION_KEY", KEY)
    with pytest.raises(ConfigurationError, match=r"application_secret= or set SINCH_APPLICATION_SECRET"):
        Credentials.from_environment()
