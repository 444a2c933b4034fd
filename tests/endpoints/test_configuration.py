"""Conferences, numbers and callback URLs, against the sandbox; and the way out for what this library does not know."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from sinch_voice_async import (
    BadRequestError,
    CallbackUrls,
    DecodeError,
    InvalidRequestError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    VoiceClient,
)
from sinch_voice_async.sandbox import Sandbox

OURS = "+14151112223"


async def test_a_conference_and_its_participants(client: VoiceClient, sandbox: Sandbox) -> None:
    """Two are called into a room; one is muted, put on hold and kicked, then all are."""
    for number in ("+46700000001", "+46700000002"):
        sandbox.phone(number).hangs_up(after=None)
    room = "My room/1"
    first = (await client.callouts.conference("+46700000001", room)).call_id
    second = (await client.callouts.conference("+46700000002", room)).call_id
    assert {p.call_id for p in (await client.conferences.get(room)).participants} == {first, second}
    await client.conferences.mute(room, first)
    await client.conferences.hold(room, first, moh="music1")
    (one,) = [p for p in (await client.conferences.get(room)).participants if p.call_id == first]
    assert (one.muted, one.on_hold) == (True, True)
    await client.conferences.unmute(room, first)
    await client.conferences.hold(room, first)
    await client.conferences.resume(room, first)
    (one,) = [p for p in (await client.conferences.get(room)).participants if p.call_id == first]
    assert (one.muted, one.on_hold) == (False, False)
    await client.conferences.kick(room, first)
    assert [p.call_id for p in (await client.conferences.get(room)).participants] == [second]
    await client.conferences.kick_all(room)
    with pytest.raises(NotFoundError):
        await client.conferences.get(room)


@pytest.mark.parametrize("conference_id", ["", "..", "a\nb", "x" * 65, None])
async def test_what_is_no_conference(client: VoiceClient, conference_id: Any) -> None:
    """A name that no path can hold is refused, by the name of the parameter."""
    for request in (
        client.conferences.get(conference_id),
        client.conferences.kick_all(conference_id),
        client.conferences.mute(conference_id, "id"),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await request
        assert caught.value.field == "conference_id"


async def test_numbers_are_assigned_and_listed() -> None:
    """A number is listed with the application that it belongs to, and without one when it was taken away."""
    with Sandbox(numbers=[OURS, "+14151112224"]).serve() as sandbox:
        async with VoiceClient(**sandbox.client_options()) as client:
            assert {number.application_key for number in await client.numbers.list()} == {None}
            await client.numbers.assign([OURS], capability="voice")
            await client.numbers.assign(OURS)
            owners = {number.number: number.application_key for number in await client.numbers.list()}
            assert owners[OURS] == sandbox.account.application_key
            await client.numbers.unassign(OURS, capability="voice")
            assert {number.application_key for number in await client.numbers.list()} == {None}
            with pytest.raises(BadRequestError):
                await client.numbers.assign(OURS, application_key="nobody")


@pytest.mark.parametrize("numbers", [[], [OURS] * 101, ["no number"], "no number", None, 46])
async def test_what_cannot_be_assigned(client: VoiceClient, numbers: Any) -> None:
    """One to a hundred telephone numbers, and nothing else."""
    with pytest.raises(InvalidRequestError, match="numbers"):
        await client.numbers.assign(numbers)


async def test_a_number_is_looked_up_however_it_is_written(client: VoiceClient) -> None:
    """The platform's own sample is full of punctuation."""
    found = await client.numbers.query("+46(0)73-017-0101")
    assert (found.country_id, found.normalized_number) == ("SE", "+46730170101")
    with pytest.raises(BadRequestError):
        await client.numbers.query("nonsense")


async def test_callback_urls_are_set_and_read(client: VoiceClient, sandbox: Sandbox) -> None:
    """Without a key it is about one's own application; a fallback that is not given is not sent."""
    await client.callbacks.update("https://example.com/primary")
    assert (await client.callbacks.get()).primary == "https://example.com/primary"
    await client.callbacks.update("https://example.com/p", "https://example.com/f")
    key = sandbox.account.application_key
    urls = CallbackUrls(primary="https://example.com/p", fallback="https://example.com/f")
    assert await client.callbacks.get(key) == urls
    with pytest.raises(BadRequestError):
        await client.callbacks.get("11111111-2222-3333-4444-555555555555")
    with pytest.raises(InvalidRequestError, match="application_key"):
        await client.callbacks.update("https://example.com", application_key="a/b")


@pytest.mark.parametrize(
    ("urls", "field"),
    [
        ((None,), "primary"),
        (("",), "primary"),
        (("example.com",), "primary"),
        (("ftp://example.com",), "primary"),
        (("https://",), "primary"),
        (("https://a b",), "primary"),
        ((7,), "primary"),
        (("https://example.com", "example.com"), "fallback"),
    ],
)
async def test_what_is_no_callback_url(client: VoiceClient, urls: Any, field: str) -> None:
    """What the platform could never call is refused rather than stored."""
    with pytest.raises(InvalidRequestError) as caught:
        await client.callbacks.update(*urls)
    assert caught.value.field == field


async def test_a_fallback_may_be_set_alone() -> None:
    """What is None is left out of the request, so that the platform keeps it."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(204)

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        await client.callbacks.update(None, "https://example.com/f")
    assert bodies == [b'{"url":{"fallback":"https://example.com/f"}}']


async def test_every_route_of_the_client_is_in_the_sandbox(sandbox: Sandbox) -> None:
    """The witness knows each endpoint that the client calls, by method and path."""
    asked: list[tuple[str, str]] = []

    class Watching:
        def attempt_started(self, attempt: Any) -> None:
            asked.append((attempt.method, attempt.route))

        def attempt_ended(self, attempt: Any, result: Any) -> None:
            return

    async with VoiceClient(
        **sandbox.client_options(), observer=Watching(), retry=RetryPolicy(max_attempts=1)
    ) as client:
        for request in _every_request(client):
            with contextlib.suppress(NotFoundError, BadRequestError):
                await request()
    assert {_shape(route) for route in asked} <= {_shape(route) for route in sandbox.routes()}
    assert len({_shape(route) for route in asked}) == 14


def _shape(route: tuple[str, str]) -> tuple[str, str]:
    method, path = route
    return method, "/".join("{}" if part.startswith("{") else part for part in path.rstrip("/").split("/"))


def _every_request(client: VoiceClient) -> list[Callable[[], Awaitable[object]]]:
    from sinch_voice_async import svaml

    goodbye = svaml.Svaml(action=svaml.Hangup())
    return [
        lambda: client.callouts.tts("+46700000001", "Hi"),
        lambda: client.calls.get("id"),
        lambda: client.calls.update("id", goodbye),
        lambda: client.calls.update_leg("id", "both", goodbye),
        lambda: client.conferences.get("room"),
        lambda: client.conferences.mute("room", "id"),
        lambda: client.conferences.kick("room", "id"),
        lambda: client.conferences.kick_all("room"),
        client.numbers.list,
        lambda: client.numbers.assign(OURS),
        lambda: client.numbers.unassign(OURS),
        lambda: client.numbers.query(OURS),
        client.callbacks.get,
        lambda: client.callbacks.update("https://example.com"),
    ]


async def test_the_way_out(client: VoiceClient, sandbox: Sandbox) -> None:
    """A request that this library has no method for is signed and judged like any other."""
    executed = sandbox.executed
    listed = await client.request("get", "/v1/configuration/numbers", configuration=True)
    assert (listed.status, [*listed.json()], listed.headers["Content-Type"]) == (200, ["numbers"], "application/json")
    body = {
        "method": "ttsCallout",
        "ttsCallout": {"destination": {"type": "number", "endpoint": "+46700000001"}, "text": "ö"},
    }
    for given in (body, '{"method":"ttsCallout"}', b"{}"):
        try:
            response = await client.request("POST", "/calling/v1/callouts", given)
            assert response.body.startswith(b'{"callId"')
        except BadRequestError as error:
            assert error.code in (40001, 40002, 40003)
    assert sandbox.executed == executed + 1
    with pytest.raises(NotFoundError):
        await client.request("DELETE", "/calling/v1/nothing?x=1")


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("BREW", "/", "method"),
        (None, "/", "method"),
        ("GET", "calling", "path"),
        ("GET", "https://evil.example/", "path"),
        ("GET", "/a b", "path"),
        ("GET", "/é", "path"),
        ("GET", "/a\r\nHost: evil.example", "path"),
        ("GET", "/a#b", "path"),
        ("GET", "/100%", "path"),
        ("GET", "/%zz", "path"),
        ("GET", b"/", "path"),
    ],
)
async def test_the_way_out_is_no_hole(client: VoiceClient, method: Any, path: Any, field: str) -> None:
    """A method or a path that is none is refused before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        await client.request(method, path)
    assert caught.value.field == field


async def test_the_way_out_refuses_what_is_no_json(client: VoiceClient) -> None:
    """A body that cannot be written names itself."""
    for body in ({"x": object()}, "\ud800"):
        with pytest.raises(InvalidRequestError, match="body"):
            await client.request("POST", "/x", body)


async def test_the_way_out_repeats_no_post() -> None:
    """Nobody knows what an unknown POST does: it is repeated only when it was proven not acted on."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(502)

    policy = RetryPolicy(base_delay=0.0)
    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer), retry=policy) as client:
        for method in ("POST", "PATCH", "GET"):
            with pytest.raises(ServerError):
                await client.request(method, "/x")
    assert sent == ["POST", "PATCH", "GET", "GET", "GET"]


async def test_an_answer_that_is_no_json() -> None:
    """The raw answer is there as bytes; read as JSON it is a DecodeError."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>"))
    async with VoiceClient("key", "c2VjcmV0", transport=transport) as client:
        response = await client.request("GET", "/x")
        assert response.body == b"<html>"
        assert repr(response) == "<Response 200, 6 bytes>"
        with pytest.raises(DecodeError):
            response.json()
