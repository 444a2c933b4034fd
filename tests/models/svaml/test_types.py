"""Wrong types: refused when the model is built, by the name of the field; and what is converted."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from rich.pretty import pretty_repr

from sinch_voice_async import svaml
from sinch_voice_async.errors import InvalidRequestError

ANYTHING: Any = object()

WRONG: list[tuple[str, Callable[[], object]]] = [
    ("text", lambda: svaml.Say(ANYTHING)),
    ("locale", lambda: svaml.Say("Hello", locale=ANYTHING)),
    ("ids", lambda: svaml.PlayFiles("welcome")),
    ("ids", lambda: svaml.PlayFiles(ANYTHING)),
    ("ids[1]", lambda: svaml.PlayFiles(["welcome", ANYTHING])),
    ("options", lambda: svaml.StartRecording(ANYTHING)),
    ("destination_url", lambda: svaml.RecordingOptions(destination_url=ANYTHING)),
    ("format", lambda: svaml.RecordingOptions(format=ANYTHING)),
    ("max_duration", lambda: svaml.ConnectPstn(max_duration=True)),
    ("max_duration", lambda: svaml.ConnectPstn(max_duration="60")),  # type: ignore[arg-type]  # that is the mistake
    ("suppress_callbacks", lambda: svaml.ConnectPstn(suppress_callbacks=ANYTHING)),
    ("destination", lambda: svaml.ConnectMxp(ANYTHING)),
    ("destination", lambda: svaml.ConnectSip(ANYTHING)),
    ("destination", lambda: svaml.ConnectStream(ANYTHING)),
    ("call_headers", lambda: svaml.ConnectMxp("bob", call_headers=ANYTHING)),
    ("call_headers[0]", lambda: svaml.ConnectMxp("bob", call_headers=[ANYTHING])),
    ("key", lambda: svaml.ConnectMxp("bob", call_headers={ANYTHING: "v"})),
    ("menus", lambda: svaml.RunMenu(ANYTHING)),
    ("menus[0]", lambda: svaml.RunMenu([ANYTHING])),
    ("options", lambda: svaml.Menu("main", options=ANYTHING)),
    ("instructions[0]", lambda: svaml.Svaml(instructions=[ANYTHING])),
    ("instructions[0]", lambda: svaml.Svaml(instructions=[svaml.Hangup()])),  # type: ignore[type-var]  # likewise
    ("action", lambda: svaml.Svaml(action=ANYTHING)),
    ("value", lambda: svaml.return_(ANYTHING)),
    ("value", lambda: svaml.return_("sales)")),
    ("menu_id", lambda: svaml.go_to("sub(menu")),
    ("text", lambda: svaml.tts(ANYTHING)),
]


@pytest.mark.parametrize(("field", "build"), WRONG)
def test_a_wrong_type_is_refused_where_it_is_given(field: str, build: Callable[[], object]) -> None:
    """Whoever has no type checker is told which field is wrong, not where JSON gave up."""
    with pytest.raises(InvalidRequestError) as refusal:
        build()
    assert refusal.value.field == field


EMPTY: list[tuple[str, Callable[[], object]]] = [
    ("locale", lambda: svaml.Say("Hello", locale="")),
    ("locale", lambda: svaml.PlayFiles(["welcome"], locale="")),
    ("locale", lambda: svaml.Park(locale="")),
    ("locale", lambda: svaml.ConnectPstn(locale="")),
    ("locale", lambda: svaml.RunMenu([svaml.Menu("main")], locale="")),
    ("locale", lambda: svaml.TranscriptionOptions(locale="")),
    ("format", lambda: svaml.RecordingOptions(format="")),
    ("indications", lambda: svaml.ConnectPstn(indications="")),
    ("transport", lambda: svaml.ConnectSip("bob@example.com", transport="")),
    ("moh", lambda: svaml.ConnectSip("bob@example.com", moh="")),
    ("moh", lambda: svaml.ConnectConference("room", moh="")),
    ("value", lambda: svaml.ReportCallStatus("")),
]


@pytest.mark.parametrize(("field", "build"), EMPTY, ids=lambda value: value if isinstance(value, str) else "")
def test_an_empty_name_is_refused_where_it_is_given(field: str, build: Callable[[], object]) -> None:
    """A voice, a format or a music is never empty; an empty variable of a program is."""
    with pytest.raises(InvalidRequestError, match="must not be empty") as refusal:
        build()
    assert refusal.value.field == field


def test_an_answer_may_repeat_a_caller_who_is_not_shown() -> None:
    """The platform gives an empty number for one, and an error in the handler would cost the call."""
    actions = (
        svaml.ConnectPstn(cli=""),
        svaml.ConnectSip("bob@example.com", cli=""),
        svaml.ConnectConference("room", cli=""),
    )
    assert all(action.cli == "" for action in actions)


def test_an_empty_name_in_a_document_that_is_read_is_kept() -> None:
    """The documents of others are read as they are, and written back unchanged."""
    document = '{"action":{"name":"connectPstn","number":"+46700000001","locale":"","cli":""}}'
    assert '"locale":""' in svaml.dumps(svaml.loads(document)).replace(" ", "")


def test_lists_are_kept_as_tuples() -> None:
    """A model cannot change under its owner, whatever iterable it was given."""
    assert svaml.PlayFiles(iter(["a", "b"])).ids == ("a", "b")
    assert svaml.Svaml(instructions=[svaml.Answer()]).instructions == (svaml.Answer(),)
    assert svaml.Menu("main", options=[]).options == ()


def test_a_string_is_the_destination_that_the_action_connects_to() -> None:
    """A user name, a SIP address and a WebSocket URL need no Destination around them."""
    assert svaml.ConnectMxp("bob").destination == svaml.Destination.username("bob")
    assert svaml.ConnectMxp().destination is None
    assert svaml.ConnectSip("bob@example.com").destination == svaml.Destination.sip("bob@example.com")
    assert svaml.ConnectSip(svaml.Destination.sip("bob@example.com")) == svaml.ConnectSip("bob@example.com")
    stream = svaml.ConnectStream("wss://example.com")
    assert stream.destination == svaml.Destination(type="Websocket", endpoint="wss://example.com")
    assert svaml.ConnectStream(svaml.Destination(type="websocket", endpoint="wss://example.com")) == stream
    other = svaml.Destination(type="rtp", endpoint="example.com")
    assert svaml.ConnectStream(other).destination is other


def test_headers_are_a_mapping_or_a_list() -> None:
    """A key may come twice, which a mapping cannot say."""
    pairs = [svaml.CallHeader("foo", "bar"), svaml.CallHeader("baz", "qux")]
    assert svaml.ConnectMxp(call_headers={"foo": "bar", "baz": "qux"}) == svaml.ConnectMxp(call_headers=pairs)


def test_a_document_is_a_value() -> None:
    """Documents compare, hash, copy and pickle whole, unknown fields included."""
    document = svaml.Svaml(
        instructions=[svaml.Say("Hello", extra={"altLocale": "en-GB"})], action=svaml.Hangup(), extra={"version": 2}
    )
    assert pickle.loads(pickle.dumps(document)) == copy.deepcopy(document) == document
    assert hash(document) == hash(copy.copy(document))
    assert document != svaml.Svaml(instructions=[svaml.Say("Hello")], action=svaml.Hangup(), extra={"version": 2})
    with pytest.raises(AttributeError):
        document.action = svaml.Hangup()  # type: ignore[misc]  # frozen


def test_no_instructions_and_an_empty_list_are_equal() -> None:
    """Whether a list was left out or empty is only told apart on the wire."""
    assert svaml.Svaml(instructions=[], action=svaml.Hangup()) == svaml.Svaml(action=svaml.Hangup())
    assert pickle.loads(pickle.dumps(svaml.Svaml(action=svaml.Hangup()))) == svaml.Svaml(action=svaml.Hangup())


def test_reprs_keep_quiet() -> None:
    """No credential, message, digit, cookie or whole telephone number gets into a log by way of a repr."""
    document = svaml.Svaml(
        instructions=[
            svaml.Say("canary one"),
            svaml.PlayFiles(["#tts[canary two]"]),
            svaml.SendDtmf("987654"),
            svaml.SetCookie("step", "canary three"),
            svaml.StartRecording(svaml.RecordingOptions(credentials="canary:four", extra={"secret": "canary five"})),
        ],
        action=svaml.ConnectPstn("+46700987654", cli="+46700987654", dtmf="987654"),
    )
    menus = svaml.RunMenu([svaml.Menu("main", main_prompt=svaml.tts("canary six"))])
    shown = repr(document) + repr(menus) + repr(svaml.ConnectMxp("bob", call_headers={"k": "canary seven"}))
    assert "canary" not in shown
    assert "98765" not in shown
    assert "Say(text=<10 characters>" in shown
    assert "number='**********54'" in shown


def test_storage_credentials_are_written_and_not_shown() -> None:
    """The platform gets them; rich, attrs and repr show nothing, and a wrong type is refused."""
    options = svaml.RecordingOptions(destination_url="s3://bucket", credentials="key:canary:region")
    document = svaml.Svaml(instructions=[svaml.StartRecording(options)])
    assert "key:canary:region" in svaml.dumps(document)
    assert pickle.loads(pickle.dumps(options)) == copy.deepcopy(options) == options
    read = svaml.loads(svaml.dumps(document))
    for shown in (repr(document), pretty_repr(document), repr(attrs.asdict(document)), repr(attrs.asdict(read))):
        assert "canary" not in shown
    with pytest.raises(InvalidRequestError, match="credentials must be"):
        svaml.RecordingOptions(credentials=5)  # type: ignore[arg-type]
