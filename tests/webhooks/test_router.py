"""An event goes to its handler, and what comes back is fit to be sent."""

import functools
import threading
from collections.abc import Callable
from typing import Any, cast

import anyio
import pytest

from sinch_voice_async import svaml
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.webhooks import (
    AnsweredCall,
    DisconnectedCall,
    Event,
    EventRouter,
    IncomingCall,
    Notification,
    PromptInput,
)
from sinch_voice_async.webhooks.router import EventName, event_name

EVENTS: dict[EventName, Event] = {
    "ice": IncomingCall(call_id="1"),
    "ace": AnsweredCall(call_id="1"),
    "pie": PromptInput(call_id="1", menu_result=cast("Any", None)),
    "dice": DisconnectedCall(call_id="1"),
    "notify": Notification(call_id="1"),
}
HANGUP = svaml.Svaml(action=svaml.Hangup())


SILENCE = {
    "ice": svaml.Svaml(action=svaml.Hangup()),
    "ace": svaml.Svaml(action=svaml.Continue()),
    "pie": svaml.Svaml(action=svaml.Hangup()),
    "dice": None,
    "notify": None,
}


def register(router: EventRouter, name: EventName, handler: Callable[[Any], Any]) -> None:
    """Register a handler by the name of its event."""
    decorators: dict[EventName, Any] = {
        "ice": router.ice,
        "ace": router.ace,
        "pie": router.pie,
        "dice": router.dice,
        "notify": router.notify,
    }
    assert decorators[name](handler) is handler


@pytest.mark.parametrize("name", EVENTS)
async def test_each_event_goes_to_its_own_handler(name: EventName) -> None:
    """A handler sees the events of its kind, as they came, and no others."""
    router, seen = EventRouter(), list[tuple[str, Event]]()
    for kind in EVENTS:

        async def handler(event: Event, kind: str = kind) -> None:
            seen.append((kind, event))

        register(router, kind, handler)
    assert await router.answer(EVENTS[name]) == SILENCE[name]
    assert seen == [(name, EVENTS[name])]
    assert event_name(EVENTS[name]) == name


async def test_answer_of_the_handler_is_returned() -> None:
    """A document goes out as it was given."""
    router = EventRouter()

    @router.ice
    async def incoming(event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(action=svaml.ConnectPstn(number="+46700000001"))

    assert await router.answer(EVENTS["ice"]) == svaml.Svaml(action=svaml.ConnectPstn(number="+46700000001"))


async def test_handler_that_is_not_async_may_block() -> None:
    """It runs in a thread of its own, while the event loop goes on."""
    router, ready = EventRouter(handler_timeout=None), threading.Event()

    @router.ice
    def incoming(event: IncomingCall) -> svaml.IceSvaml:
        assert ready.wait(300)
        return HANGUP

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, ready.set)
        assert await router.answer(EVENTS["ice"]) is HANGUP


class Greeter:
    """A handler that is an object, with what it needs to know."""

    def __init__(self, answer: svaml.AceSvaml) -> None:
        self.answer = answer

    async def __call__(self, event: AnsweredCall) -> svaml.AceSvaml:
        return self.answer

    async def greet(self, event: AnsweredCall) -> svaml.AceSvaml:
        return self.answer


async def _with_argument(answer: svaml.AceSvaml, event: AnsweredCall) -> svaml.AceSvaml:
    return answer


@pytest.mark.parametrize(
    "handler",
    [
        Greeter(HANGUP),
        Greeter(HANGUP).greet,
        functools.partial(_with_argument, HANGUP),
        lambda event: HANGUP,
        lambda event: _with_argument(HANGUP, event),
    ],
    ids=["object", "method", "partial", "lambda", "lambda of a coroutine"],
)
async def test_anything_callable_is_a_handler(handler: Callable[[Any], Any]) -> None:
    """Objects, methods, partial functions and lambdas, whether or not they are async."""
    router = EventRouter()
    register(router, "ace", handler)
    assert await router.answer(EVENTS["ace"]) is HANGUP


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ice", svaml.Svaml(action=svaml.Hangup())),
        ("ace", svaml.Svaml(action=svaml.Continue())),
        ("pie", svaml.Svaml(action=svaml.Hangup())),
        ("dice", None),
        ("notify", None),
    ],
)
async def test_event_without_a_handler_is_answered(name: EventName, expected: svaml.Svaml | None) -> None:
    """The call goes on where it may and ends where it must; what wants no answer gets none."""
    assert await EventRouter().answer(EVENTS[name]) == expected


async def test_fallbacks_are_configurable() -> None:
    """What is given replaces the one of that event, and None is an empty 200."""
    router = EventRouter(fallbacks={"ice": svaml.Svaml(action=svaml.Park()), "pie": None})
    assert await router.answer(EVENTS["ice"]) == svaml.Svaml(action=svaml.Park())
    assert await router.answer(EVENTS["pie"]) is None
    assert await router.answer(EVENTS["ace"]) == svaml.Svaml(action=svaml.Continue())


async def test_late_handler_is_cancelled_and_the_fallback_answers(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits on the line hears something, and the log says why."""
    router, ended = EventRouter(handler_timeout=0.01), anyio.Event()

    @router.ice
    async def incoming(event: IncomingCall) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    assert await router.answer(EVENTS["ice"]) == HANGUP
    assert ended.is_set()
    assert "the ice handler did not answer within 0.01 s" in caplog.text


async def test_late_thread_is_left_behind() -> None:
    """A thread cannot be cancelled: the answer does not wait for it."""
    router, release = EventRouter(handler_timeout=0.01), threading.Event()

    @router.ace
    def answered(event: AnsweredCall) -> None:
        release.wait(300)

    assert await router.answer(EVENTS["ace"]) == svaml.Svaml(action=svaml.Continue())
    release.set()


async def test_what_a_handler_raises_comes_through() -> None:
    """The caller decides what a fault in a handler means."""
    router = EventRouter()

    @router.ice
    async def incoming(event: IncomingCall) -> None:
        raise LookupError("no such customer")

    with pytest.raises(LookupError, match="no such customer"):
        await router.answer(EVENTS["ice"])


@pytest.mark.parametrize("answer", [{"action": {"name": "hangup"}}, "hangup", 200, svaml.Hangup(), True])
async def test_answer_of_the_wrong_type_is_refused(answer: Any) -> None:
    """What is no document is named by its type, and goes nowhere."""
    router = EventRouter()
    register(router, "ice", lambda event: answer)
    with pytest.raises(
        InvalidRequestError, match=f"the ice handler must give Svaml or None, not {type(answer).__name__}"
    ):
        await router.answer(EVENTS["ice"])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ice", svaml.Svaml(action=svaml.Continue())),
        ("ace", svaml.Svaml(action=svaml.ConnectPstn())),
        ("ace", svaml.Svaml(instructions=[svaml.SendDtmf("1")], action=svaml.Continue())),
        ("pie", svaml.Svaml(action=svaml.Park())),
        ("dice", svaml.Svaml(action=svaml.Continue())),
        ("notify", HANGUP),
    ],
)
async def test_document_that_the_platform_would_refuse_is_not_sent(name: EventName, answer: Any) -> None:
    """What may answer one event may not answer another."""
    router = EventRouter()
    register(router, name, lambda event: answer)
    with pytest.raises(InvalidRequestError):
        await router.answer(EVENTS[name])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"handler_timeout": 0}, "handler_timeout must be"),
        ({"handler_timeout": -1.5}, "handler_timeout must be"),
        ({"handler_timeout": float("nan")}, "handler_timeout must be"),
        ({"handler_timeout": "4"}, "handler_timeout must be"),
        ({"handler_timeout": True}, "handler_timeout must be"),
        ({"handler_timeout": float("inf")}, "handler_timeout must be"),
        ({"fallbacks": [("ice", None)]}, "fallbacks must be"),
        ({"fallbacks": {"dtmf": None}}, "'dtmf'"),
    ],
)
def test_options_are_checked_at_once(options: dict[str, Any], reason: str) -> None:
    """A mistake shows when the application is built, not when a call comes."""
    with pytest.raises(ConfigurationError, match=reason):
        EventRouter(**options)


@pytest.mark.parametrize(
    "fallbacks", [{"ice": svaml.Svaml(action=svaml.Continue())}, {"notify": HANGUP}, {"ace": "hangup"}]
)
def test_fallbacks_are_checked_at_once(fallbacks: Any) -> None:
    """A fallback that could never be sent is refused before it is needed."""
    with pytest.raises(InvalidRequestError):
        EventRouter(fallbacks=fallbacks)


def test_second_handler_of_one_event_is_refused() -> None:
    """Two cannot both answer, and nobody should find out in production which one does."""
    router = EventRouter()
    router.ice(lambda event: None)
    with pytest.raises(ConfigurationError, match="ice has a handler already"):
        router.ice(lambda event: None)


def test_handler_that_cannot_be_called_is_refused() -> None:
    """A decorator used with something else than a function says so."""
    with pytest.raises(ConfigurationError, match="the ice handler must be callable"):
        EventRouter().ice(cast("Any", "incoming"))
