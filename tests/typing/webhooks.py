"""What a user of webhooks sees in an editor: checked by mypy and pyright, run by nobody.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from typing import assert_type

from sinch_voice_async import Credentials, svaml
from sinch_voice_async.webhooks import (
    AnsweredCall,
    AsyncReplayCache,
    CallTracker,
    DisconnectedCall,
    Event,
    IncomingCall,
    MemoryReplayCache,
    Notification,
    PromptInput,
    ReplayCache,
    WebhookApp,
    event_from_http,
)

app = WebhookApp("key", "c2VjcmV0", fallbacks={"ice": None, "ace": svaml.Svaml(action=svaml.Continue())})


@app.ice
async def incoming(event: IncomingCall) -> svaml.IceSvaml:
    """A handler stays the function that it is."""
    return svaml.Svaml(action=svaml.ConnectPstn(event.cli))


@app.ace
def answered(event: AnsweredCall) -> svaml.AceSvaml | None:
    """It need not be async, nor answer."""
    return None if event.amd is None else svaml.Svaml(action=svaml.Hangup())


@app.pie
async def pressed(event: PromptInput) -> svaml.Svaml:
    """Any document may be promised, where one does not care to say which."""
    return svaml.Svaml(action=svaml.Continue())


@app.dice
async def ended(event: DisconnectedCall) -> None:
    """Nothing needs to be answered."""


@app.notify
def notified(event: Notification) -> None:
    """Nothing may be answered."""


@app.ace  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def ace_does_not_dial(event: AnsweredCall) -> svaml.Svaml[svaml.Say, svaml.ConnectPstn]:
    """A call that was answered is not connected to another telephone."""
    return svaml.Svaml(action=svaml.ConnectPstn("+46700000001"))


@app.ace  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def ace_is_not_ice(event: AnsweredCall) -> svaml.IceSvaml:
    """What may answer one event may not answer another."""
    return svaml.Svaml(action=svaml.Hangup())


@app.ice  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def ice_takes_an_incoming_call(event: AnsweredCall) -> svaml.IceSvaml:
    """A handler takes the event that it is for."""
    return svaml.Svaml(action=svaml.Hangup())


@app.pie  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def pie_answers_a_document(event: PromptInput) -> dict[str, str]:
    """JSON made by hand is not checked, so it is not taken."""
    return {"name": "hangup"}


@app.notify  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def notification_is_not_answered(event: Notification) -> svaml.DiceSvaml:
    """The platform takes nothing here."""
    return svaml.Svaml(action=svaml.Hangup())


WebhookApp(fallbacks={"dtmf": None})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


class Redis:
    """What others write to share what they have seen."""

    async def add(self, signature: str, seconds: float) -> bool:
        """Set if not there."""
        return bool(signature and seconds)

    async def discard(self, signature: str) -> None:
        """Delete."""


def caches(memory: MemoryReplayCache, redis: Redis) -> tuple[ReplayCache, AsyncReplayCache]:
    """Each kind fits its protocol, and both fit the application."""
    WebhookApp(replay_cache=memory)
    WebhookApp(replay_cache=redis)
    return memory, redis


def read(headers: dict[str, str], raw: list[tuple[bytes, bytes]], credentials: Credentials, cache: Redis) -> None:
    """Headers of any framework will do; an event comes out; a cache to be awaited will not do here."""
    assert_type(event_from_http("POST", "/", headers, b"", credentials=credentials), Event)
    event_from_http("POST", "/", raw, b"", credentials=[credentials], max_age=None, now=0.0)
    event_from_http("POST", "/", raw, b"", credentials=credentials, replay_cache=cache)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def follow(tracker: CallTracker) -> None:
    """Events come out typed."""
    async with tracker.follow("call") as events:
        async for event in events:
            assert_type(event, Event)
    assert_type(await tracker.outcome("call"), DisconnectedCall)
