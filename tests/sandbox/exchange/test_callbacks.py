"""Callbacks over real HTTP: what is sent, in which order, and what becomes of applications that misbehave."""

import gzip
import json
import logging
import threading
import time
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from sinch_voice_async.sandbox import Call, Person, Sandbox
from sinch_voice_async.sandbox.exchange.documents import read_callout
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.applications import Answer, Application, always, served
from tests.sandbox.caller import over_sockets
from tests.sandbox.exchange.scripts import HANG_UP, ending, lines, place

TTS = {"text": "Hello", "locale": "sv-SE"}


def run(
    sandbox: Sandbox, method: str = "customCallout", members: dict[str, Any] | None = None, **answers: Answer
) -> tuple[Call, Application]:
    """Place a callout, serve an application until the call is over, and return both."""
    application = Application(sandbox, **answers)
    with served(application.app) as url:
        sandbox.account.callback_urls.primary = url
        call = place(sandbox, method, **(members or {})).until_final_sync(300)
    return call, application


def test_events_say_what_is_documented(fast: Sandbox) -> None:
    """ICE, ACE and DiCE of a custom callout, with what the callout carried."""
    connect = {"action": {"name": "connectPstn", "number": "+46700000001"}}
    members = {"destination": None, "custom": "customData", "ice": ""}
    call, application = run(fast, members=members, ice=always(connect), ace=always(HANG_UP))
    ice, ace, dice = application.events
    shared = {
        "callid": call.call_id,
        "version": 1,
        "custom": "customData",
        "applicationKey": fast.account.application_key,
    }
    for event in (ice, ace, dice):
        assert shared.items() <= event.items()
        assert event["timestamp"].endswith("Z")
    assert (ice["cli"], ice["domain"], ice["originationType"]) == ("+46700000000", "pstn", "SERVER")
    assert (dice["result"], dice["reason"], dice["duration"]) == ("ANSWERED", "MANAGERHANGUP", 0)
    assert dice["to"] == {"type": "number", "endpoint": "+46700000001"}
    assert dice["from"] == "+46700000000"


@pytest.mark.parametrize(
    ("method", "members", "told"),
    [
        ("ttsCallout", TTS, []),
        ("ttsCallout", TTS | {"enableAce": True, "enableDice": True}, ["ace", "dice"]),
        ("conferenceCallout", {"conferenceId": "room", "enableDice": True, "greeting": "Hi"}, ["dice"]),
        ("conferenceCallout", {"conferenceId": "room", "enableAce": True}, ["ace"]),
        ("customCallout", {}, ["ace", "dice"]),
        ("customCallout", {"enableAce": False}, ["dice"]),
        ("customCallout", {"ace": HANG_UP, "dice": HANG_UP}, []),
        ("customCallout", {"destination": {"type": "username", "endpoint": "alice"}}, []),
    ],
)
def test_events_are_sent_where_they_are_enabled(
    fast: Sandbox, method: str, members: dict[str, Any], told: list[str]
) -> None:
    """By flags, by what a custom callout says in their place, and never about apps."""
    fast.people.default = Person(leaves_conferences=True)
    call, application = run(fast, method, members)
    assert application.told() == told
    assert call.result == "ANSWERED"


@pytest.mark.parametrize(
    "document", [{"action": {"name": "continue"}}, {"instructions": [{"name": "say", "text": "First"}]}]
)
def test_a_message_is_played_after_all(fast: Sandbox, document: dict[str, Any]) -> None:
    """ACE answered with ``continue``, or without a decision."""
    call, _ = run(fast, "ttsCallout", TTS | {"enableAce": True}, ace=always(document))
    assert [heard.text for heard in call.transcript][-1] == "Hello"


def test_an_answer_takes_the_place_of_a_message(fast: Sandbox) -> None:
    """ACE answered with another decision."""
    call, _ = run(fast, "ttsCallout", TTS | {"enableAce": True}, ace=always(HANG_UP))
    assert not call.transcript
    assert call.reason == "MANAGERHANGUP"


def test_callbacks_can_be_suppressed(fast: Sandbox) -> None:
    """``suppressCallbacks``: neither ACE nor DiCE."""
    connect = {"action": {"name": "connectPstn", "number": "+46700000001", "suppressCallbacks": True}}
    _, application = run(fast, members={"destination": None, "ice": ""}, ice=always(connect))
    assert application.told() == ["ice"]


async def test_headers_are_forwarded(fast: Sandbox) -> None:
    """``X-CB-`` headers of the callout come with each callback."""
    application = Application(fast)
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        callout = Fields(
            {
                "method": "ttsCallout",
                "ttsCallout": {
                    "destination": {"type": "number", "endpoint": "+46700000001"},
                    **TTS,
                    "enableDice": True,
                },
            }
        )
        call = fast.exchange.place(read_callout(callout, max_text_length=600), {"X-CB-Tenant": "blue"})
        await call.until_final(300)
    assert application.headers[0]["x-cb-tenant"] == "blue"


def large(_event: dict[str, Any]) -> Response:
    """Answer three megabytes."""
    return Response(b" " * 3_000_000, media_type="application/json")


@pytest.mark.parametrize(
    "answer", [large, always(Response(status_code=503)), always(RedirectResponse("https://example.com/"))]
)
def test_the_fallback_is_asked(fast: Sandbox, answer: Answer) -> None:
    """On an error of the primary URL; a redirect is one, and is not followed."""
    application, fallback = Application(fast, ace=answer), Application(fast, ace=always(HANG_UP))
    with served(application.app) as url, served(fallback.app) as other:
        fast.account.callback_urls.primary, fast.account.callback_urls.fallback = url, other
        call = place(fast).until_final_sync(300)
    assert (application.told(), fallback.told()) == (["ace", "dice"], ["ace"])
    assert call.reason == "MANAGERHANGUP"


def test_a_primary_that_is_down_has_consequences(fast: Sandbox) -> None:
    """ICE: an error message and the end. ACE: the call is connected."""
    fast.account.callback_urls.primary = "http://127.0.0.1:9/"
    incoming, answered = place(fast, destination=None), place(fast)
    assert ending(incoming.until_final_sync(300)) == ("FAILED", "CALLBACKERROR", 0)
    assert ending(answered.until_final_sync(300)) == ("ANSWERED", "CALLEEHANGUP", 3)
    assert any(
        "cannot connect to 127.0.0.1:9: Connection refused" in str(entry.data.get("error"))
        for entry in answered.timeline
    )
    fast.account.callback_urls.primary = "http://[broken/"
    assert place(fast).until_final_sync(300).reason == "CALLEEHANGUP"


async def test_an_application_that_is_slow_has_not_answered() -> None:
    """After the time-out; the call's own time stood still."""
    sandbox = Sandbox(speed=1_000, callback_timeout=0.05)

    with served(silence) as url:
        sandbox.account.callback_urls.primary = url
        call = await place(sandbox).until_final(300)
        sandbox.close()
    assert call.duration == 3
    assert any("no answer within" in str(entry.data.get("error")) for entry in call.timeline)


async def silence(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Answer nothing until the client has gone, however long a busy machine takes for that."""
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize(
    "answer",
    [
        always({"action": {"name": "explode"}}),
        always({"action": {"name": "park"}}),
        always(PlainTextResponse("<html>It works!</html>", media_type="text/html")),
        always(Response(b"[1]")),
    ],
)
def test_illegal_svaml_is_told_and_ends_the_call(
    fast: Sandbox, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """``callingerror`` with 40001, and INVALIDSVAMLACTION; what came back is in the timeline, why also in the log."""
    caplog.set_level(logging.INFO, "sinch_voice_async.sandbox")
    call, application = run(fast, ace=answer)
    assert application.told() == ["ace", "callingerror", "dice"]
    assert application.events[1]["errorCode"] == 40001
    [problem] = [entry.data["error"] for entry in call.timeline if entry.text == "illegal SVAML"]
    assert application.events[1]["errorMsg"] == problem
    assert str(problem) in caplog.text
    assert ending(call) == ("ANSWERED", "INVALIDSVAMLACTION", 0)
    assert "answer ace" in lines(call)


def test_what_comes_while_the_application_is_asked_waits(fast: Sandbox) -> None:
    """SVAML by PATCH and a key wait for the answer; a hang-up does not."""

    def answered(event: dict[str, Any]) -> dict[str, Any]:
        call = fast.calls[event["callid"]]
        call.handle.manage(Fields({"action": {"name": "park"}}), "caller")
        call.press("1")
        return {"action": {"name": "continue"}}

    fast.clock.speed = 0
    fast.phone("+46700000001").hangs_up(after=None)
    application = Application(fast, ace=answered)
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = place(fast)
        while call.state != "parked":
            fast.clock.step(0)
        call.hang_up()
        call.until_final_sync(300)
    assert "keys 1" in lines(call)
    assert application.told() == ["ace", "dice"]


def test_what_waits_for_an_answer_may_come_too_late(fast: Sandbox) -> None:
    """The answer ended the call."""

    def answered(event: dict[str, Any]) -> dict[str, Any]:
        fast.calls[event["callid"]].handle.manage(Fields({"action": {"name": "park"}}), "caller")
        return HANG_UP

    call, _ = run(fast, ace=answered)
    assert ending(call)[1] == "MANAGERHANGUP"
    assert "state parked" not in lines(call)


async def test_a_sandbox_that_stops_stops_calling_back(fast: Sandbox) -> None:
    """Whatever is under way, and it can be served again."""
    with served(silence) as url:
        fast.account.callback_urls.primary = url
        for _ in range(2):
            async with over_sockets(fast) as caller:
                await caller.tts(enableAce=True)


def test_applications_are_asked_even_without_a_server(fast: Sandbox) -> None:
    """The thread that asks them ends by itself, starts again where it is needed, and may be closed twice."""
    call, application = run(fast)
    assert application.told() == ["ace", "dice"]
    while any(thread.name == "sinch-sandbox-exchange" for thread in threading.enumerate()):
        time.sleep(0.01)
    call, application = run(fast)
    assert call.is_final
    fast.close()
    fast.close()


@pytest.mark.parametrize("depth", [600, 1_200, 50_000])
def test_an_answer_nested_without_end_stops_nobody(fast: Sandbox, depth: int) -> None:
    """However deep the answer of an application is nested, its call ends, and so does the next one's."""
    body = b'{"action":{"name":"continue"},"x":' + b"[" * depth + b"]" * depth + b"}"
    for _ in range(2):
        call, _application = run(
            fast, "ttsCallout", TTS | {"enableAce": True}, ace=lambda _: Response(body, media_type="application/json")
        )
        assert call.is_final


def test_a_compressed_answer_counts_as_none(fast: Sandbox) -> None:
    """Nothing said that it would be understood."""
    packed = Response(gzip.compress(b"{}"), headers={"content-encoding": "gzip"}, media_type="application/json")
    call, _ = run(fast, "ttsCallout", TTS | {"enableAce": True}, ace=always(packed))
    [error] = [entry.data["error"] for entry in call.timeline if entry.kind == "answer"]
    assert error == "the content encoding 'gzip' was not asked for"


def test_an_event_that_cannot_be_written_stops_no_other(fast: Sandbox) -> None:
    """Its callback is an error in the timeline, and the calls of others are called back."""
    application = Application(fast)
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        fast.clock.speed = 0
        odd, other = place(fast), place(fast)
        odd.custom = "half of a pair: \ud800"
        fast.clock.speed = 1_000
        for call in (odd, other):
            call.until_final_sync(300)
    [answer] = [entry for entry in odd.timeline if entry.kind == "answer" and entry.text == "dice"]
    assert "surrogates not allowed" in str(answer.data["error"])
    assert other.call_id in {event["callid"] for event in application.events if event["event"] == "dice"}


@pytest.mark.parametrize(
    "header", [{"key": "k", "value": 7}, {"key": "k", "value": [[]]}, {"value": "v"}, {"key": "\ud800"}]
)
def test_call_headers_are_texts(fast: Sandbox, header: dict[str, Any]) -> None:
    """Anything else is illegal SVAML: the headers come back in events."""
    ice = {"action": {"name": "connectMxp", "callHeaders": [header]}}
    call, _ = run(fast, "customCallout", {"destination": None}, ice=always(Response(json.dumps(ice))))
    assert call.reason == "INVALIDSVAMLACTION"
