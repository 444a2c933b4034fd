"""Credentials: checked where they are put together, and hidden ever after."""

import base64
import copy
import pickle
import pprint
import traceback
from collections.abc import Callable

import pytest
from attrs import asdict, frozen
from rich.pretty import pretty_repr

from sinch_voice_async import ApplicationSignature, VoiceClient
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.webhooks import WebhookApp

KEY, SECRET = "5F5C418A0F914BBC8234A9BF5EDDAD97", "JViE5vDor0Sw3WllZka15Q=="


def test_the_secret_is_decoded_once_and_hidden() -> None:
    """The signing key is what the base64 stands for; no text shows more than the head of the key."""
    credentials = Credentials(KEY, SECRET)
    assert credentials.signing_key.hex() == "255884e6f0e8af44b0dd69656646b5e5"
    assert repr(credentials) == "Credentials(application_key='5F5C…', application_secret=<hidden>)"
    assert SECRET not in str(credentials)


def test_credentials_are_values() -> None:
    """They are equal if key and secret are, they hash and copy, and they are frozen."""
    ours = Credentials(KEY, SECRET)
    assert ours == Credentials(KEY, SECRET) != Credentials("other", SECRET)
    assert ours != SECRET
    assert hash(ours) == hash(Credentials(KEY, SECRET))
    assert copy.copy(ours) is copy.deepcopy(ours) is ours
    with pytest.raises(AttributeError, match="frozen"):
        ours.application_key = "other"
    with pytest.raises(AttributeError, match="frozen"):
        del ours.application_key


def test_a_pickle_holds_the_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that loads it takes the secret from its environment, and says so if there is none."""
    pickled = pickle.dumps([Credentials(KEY, SECRET)])
    assert SECRET.encode() not in pickled
    assert Credentials(KEY, SECRET).signing_key not in pickled
    with pytest.raises(ConfigurationError, match="SINCH_APPLICATION_SECRET"):
        pickle.loads(pickled)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    assert pickle.loads(pickled) == [Credentials(KEY, SECRET)]


RAW = b"CANARY-CANARY-01-" + b"x" * 90
CANARY = base64.b64encode(RAW).decode()


def _shown(text: str) -> bool:
    return any(each in text for each in (CANARY, CANARY[:24], RAW.decode(), RAW[:16].decode()))


@frozen
class _Holder:
    credentials: Credentials
    others: list[Credentials]


def test_no_tool_shows_the_secret() -> None:
    """rich, attrs, pprint and repr are asked for credentials and for what holds them, and show nothing."""
    credentials = Credentials(KEY, CANARY)
    holder = _Holder(credentials, [credentials])
    client = VoiceClient(KEY, CANARY)
    app = WebhookApp(KEY, CANARY)
    for thing in (credentials, holder, client, app, vars(app), ApplicationSignature(credentials)):
        shown = [pretty_repr(thing), pretty_repr(thing, max_string=20), pprint.pformat(thing), repr(thing), str(thing)]
        assert not any(map(_shown, shown)), thing
    assert not _shown(repr(asdict(holder)))
    assert not _shown(pretty_repr(credentials.application_secret, max_string=20))
    assert not _shown(pretty_repr(credentials.signing_key, max_string=20))
    assert credentials.signing_key[0] == RAW[0]


BROKEN: list[Callable[[str], object]] = [
    lambda secret: Credentials(KEY, secret + "!"),
    lambda secret: Credentials(KEY, secret[:-3]),
    lambda secret: Credentials(KEY, secret.encode()),  # type: ignore[arg-type]
    lambda secret: Credentials("", secret),
    lambda secret: Credentials.from_environment("", secret),
    lambda secret: Credentials.from_environment(None, secret),
    lambda secret: VoiceClient("a b", secret),
    lambda secret: VoiceClient(KEY, secret, auth="other"),  # type: ignore[arg-type]
    lambda secret: VoiceClient(KEY, secret, timeout=-1),
    lambda secret: VoiceClient(KEY, secret, base_url="ftp://a"),
    lambda secret: WebhookApp(KEY, secret + "!"),
    lambda secret: WebhookApp(KEY, secret, max_age=-1),
    lambda secret: WebhookApp(KEY, secret, credentials=[]),
]


@pytest.mark.parametrize("make", BROKEN)
def test_no_frame_of_ours_shows_the_secret(make: Callable[[str], object]) -> None:
    """A traceback with local variables, as error reporters and ``pytest -l`` show it, has no secret in our frames."""
    with pytest.raises(ConfigurationError) as caught:
        make(CANARY)
    errors: list[BaseException] = [caught.value]
    for error in errors:
        errors += [each for each in (error.__cause__, error.__context__) if each is not None]
        stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        ours = [frame for frame in stack if frame.filename != __file__]
        assert not _shown(repr([(frame.name, frame.locals) for frame in ours]))


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
