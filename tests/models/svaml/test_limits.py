"""The limits of SVAML: the last allowed value passes, the one after it is refused and named."""

from collections.abc import Callable

import pytest

from sinch_voice_async import svaml
from sinch_voice_async.errors import InvalidRequestError

ALLOWED: list[Callable[[], object]] = [
    lambda: svaml.SendDtmf("0123456789#w"),
    lambda: svaml.SetCookie("k", "v" * 1023),
    lambda: svaml.Svaml(instructions=[svaml.SetCookie("k", "v" * 511), svaml.SetCookie("k", "å" * 255 + "v")]),
    lambda: svaml.ReportCallStatus("success", details="d" * 64),
    lambda: svaml.ReportCallStatus("failure"),
    lambda: svaml.ConnectPstn("+46700000001", max_duration=14_400, dtmf="ww12#"),
    lambda: svaml.ConnectPstn("12345", cli="private", max_duration=0),
    lambda: svaml.ConnectPstn("+123456789012345"),
    lambda: svaml.ConnectMxp("bob", call_headers={"k": "v" * 1023}),
    lambda: svaml.ConnectConference("c" * 64),
    lambda: svaml.ConnectSip("bob@sip.example.com", max_duration=14_400),
    lambda: svaml.ConnectStream("wss://example.com/voice", max_duration=14_400),
    lambda: svaml.Park(intro_prompt="#tts[Hello];file;https://example.com/a.mp3", hold_prompt="", max_duration=600),
    lambda: svaml.MenuOption("0123456789*#", svaml.return_("")),
    lambda: svaml.Menu("main", main_prompt="#ssml[<speak>Hello</speak>];", repeats=0, timeout_mills=1),
    lambda: svaml.Menu("main", max_digits=0, max_timeout_mills=0),
    lambda: svaml.ConnectPstn(dial_timeout=0),
    lambda: svaml.StreamingOptions(version=0, sample_rate=0),
]

REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("value", lambda: svaml.SendDtmf("12*")),
    ("value", lambda: svaml.SendDtmf("")),
    ("value", lambda: svaml.SendDtmf("1\n")),
    ("key", lambda: svaml.SetCookie("k" * 1025, "")),
    ("value", lambda: svaml.SetCookie("", "å" * 513)),
    ("instructions", lambda: svaml.Svaml(instructions=[svaml.SetCookie("k", "v" * 1024)])),
    ("instructions", lambda: svaml.Svaml(instructions=[svaml.SetCookie("k", "v" * 512)] * 2)),
    ("details", lambda: svaml.ReportCallStatus("success", details="d" * 65)),
    ("number", lambda: svaml.ConnectPstn("1234")),
    ("number", lambda: svaml.ConnectPstn("+1234567890123456")),
    ("number", lambda: svaml.ConnectPstn("+46 70 000 00 0x")),
    ("max_duration", lambda: svaml.ConnectPstn(max_duration=14_401)),
    ("max_duration", lambda: svaml.ConnectPstn(max_duration=-1)),
    ("dtmf", lambda: svaml.ConnectPstn(dtmf="12,3")),
    ("call_headers", lambda: svaml.ConnectMxp("bob", call_headers={"k": "v" * 1024})),
    ("call_headers", lambda: svaml.ConnectSip("b@c", call_headers=[svaml.CallHeader("k" * 600, "v")] * 2)),
    ("call_headers", lambda: svaml.ConnectStream("wss://c", call_headers={"å" * 512: "v"})),
    ("conference_id", lambda: svaml.ConnectConference("c" * 65)),
    ("conference_id", lambda: svaml.ConnectConference("")),
    ("max_duration", lambda: svaml.ConnectSip("bob@sip.example.com", max_duration=14_401)),
    ("max_duration", lambda: svaml.ConnectStream("wss://example.com", max_duration=14_401)),
    ("max_duration", lambda: svaml.Park(max_duration=601)),
    ("intro_prompt", lambda: svaml.Park(intro_prompt="#tts[One; two]")),
    ("hold_prompt", lambda: svaml.Park(hold_prompt="#tts[One] two]")),
    ("main_prompt", lambda: svaml.Menu("main", main_prompt="#tts[Press 1]for sales]")),
    ("repeat_prompt", lambda: svaml.Menu("main", repeat_prompt="#tts[Press 1")),
    ("repeats", lambda: svaml.Menu("main", repeats=-1)),
    ("max_digits", lambda: svaml.Menu("main", max_digits=-1)),
    ("timeout_mills", lambda: svaml.Menu("main", timeout_mills=-1)),
    ("max_timeout_mills", lambda: svaml.Menu("main", max_timeout_mills=-1)),
    ("dial_timeout", lambda: svaml.ConnectPstn(dial_timeout=-1)),
    ("version", lambda: svaml.StreamingOptions(version=-1)),
    ("sample_rate", lambda: svaml.StreamingOptions(sample_rate=-1)),
    ("dtmf", lambda: svaml.MenuOption("", svaml.return_("sales"))),
    ("dtmf", lambda: svaml.MenuOption("w", svaml.return_("sales"))),
    ("action", lambda: svaml.MenuOption("1", "sales")),
    ("action", lambda: svaml.MenuOption("1", "return(sales")),
]


@pytest.mark.parametrize("build", ALLOWED)
def test_the_last_allowed_value_is_allowed(build: Callable[[], object]) -> None:
    """What the documents allow is never refused."""
    build()


@pytest.mark.parametrize(("field", "build"), REFUSED)
def test_one_past_the_edge_is_refused(field: str, build: Callable[[], object]) -> None:
    """What the platform would refuse is refused before it is sent, by the name of its field."""
    with pytest.raises(InvalidRequestError) as refusal:
        build()
    assert refusal.value.field == field
    assert field in str(refusal.value)
    assert refusal.value.outcome == "unsent"


def test_a_refusal_does_not_repeat_what_was_refused() -> None:
    """A number, a PIN or a message does not get into a log by being refused."""
    with pytest.raises(InvalidRequestError) as refusal:
        svaml.ConnectPstn("070 321 65 47")
    assert "321" not in str(refusal.value)
    with pytest.raises(InvalidRequestError) as refusal:
        svaml.tts("Your PIN is 9876; keep it")
    assert "9876" not in str(refusal.value)
