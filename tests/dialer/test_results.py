"""Results posted to a URL: signed, in order, at least once, over restarts; the dialling never waits for it."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from sinch_voice_async import (
    ConfigurationError,
    ForbiddenError,
    InvalidEventError,
    InvalidSignatureError,
    JournalError,
    StaleTimestampError,
)
from sinch_voice_async.dialer import Campaign, Contact, ContactState, ResultStream, results, verify_results
from sinch_voice_async.testing import serve_app
from tests.dialer.platforms import Platform, reminder

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NUMBERS = [f"+467000000{last:02}" for last in range(8)]


@define
class Receiver:
    """An HTTP server of a user's: keeps what came, and answers as it is told."""

    script: list[tuple[int, dict[str, str], bytes]] = field(factory=list)
    requests: list[tuple[dict[str, str], bytes, str]] = field(factory=list)
    url: str = ""
    came: threading.Event = field(factory=threading.Event)

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """Serve one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.requests.append((headers, body, scope["path"]))
        status, extra, content = self.script.pop(0) if self.script else (204, {}, b"")
        pairs = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})
        self.came.set()

    def results(self) -> list[Any]:
        """All results that came, each request of which is signed as the specification says."""
        found = []
        for headers, body, _ in self.requests:
            content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            signature = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
            assert headers["webhook-signature"] == f"v1,{signature}"
            found += json.loads(body)["data"]["results"]
        return found


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A server, and no long pauses."""
    monkeypatch.setattr(results, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(results, "_LOOK", 0.01)
    found = Receiver()
    with serve_app(found) as url:
        found.url = f"{url}/results"
        yield found


def campaign(folder: Path, **more: Any) -> Campaign:
    """A campaign that follows no calls."""
    return Campaign("x", journal=folder / "x.sqlite", calls_per_second=float("inf"), **more)


async def run(ours: Campaign, receiver: Receiver, numbers: list[Any], *script: Any, **more: Any) -> ResultStream:
    """Dial these numbers with a stream beside it."""
    async with (
        httpx.AsyncClient() as http,
        ResultStream(ours, receiver.url, secret=SECRET, http_client=http, **more) as stream,
        ours.run(Platform(*script), iter(numbers), reminder) as outcomes,
    ):
        await outcomes.wait()
    return stream


async def test_every_result_comes_once_and_in_order(tmp_path: Path, receiver: Receiver) -> None:
    """With the fields of its contact, whatever they hold."""
    contacts = [Contact(NUMBERS[0], fields={"id": 7, "odd": float("nan")}), *NUMBERS[1:6], NUMBERS[7]]
    ours = campaign(tmp_path, do_not_call=NUMBERS[7:], in_flight=1)
    stream = await run(ours, receiver, contacts, ForbiddenError(status=403, code=40300))
    found = receiver.results()
    ids = [each["id"] for each in found]
    assert ids == sorted({*ids})
    assert (stream.sent, stream.problem) == (7, None)
    assert {each["number"]: each["state"] for each in found} == {
        **dict.fromkeys(NUMBERS[:6], "accepted"),
        NUMBERS[7]: "skipped",
        **{each["number"]: "rejected" for each in found if each["note"] == "403 (40300)"},
    }
    first = next(each for each in found if each["number"] == NUMBERS[0])
    assert first["fields"] == {"id": 7, "odd": "nan"} or first["fields"] == {"id": 7, "odd": "NaN"}
    assert first["changed_at"].endswith("+00:00")
    document = verify_results(receiver.requests[0][0], receiver.requests[0][1], secret=SECRET)
    assert (document["type"], document["data"]["campaign"]) == ("campaign.results", "x")
    assert repr(stream) == f"ResultStream('x', {receiver.url!r})"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (429, {"retry-after": "0.01", "content-length": "4"}, b"slow"),
        (503, {"retry-after": "soon"}, b""),
        (307, {"location": "/elsewhere"}, b""),
        (400, {}, b"x" * 200_000),
    ],
)
async def test_what_is_refused_comes_again(tmp_path: Path, receiver: Receiver, answer: Any) -> None:
    """The same message under the same id; redirects are not followed, and an endless answer is not read."""
    receiver.script = [answer, answer]
    stream = await run(campaign(tmp_path), receiver, NUMBERS[:1])
    assert [path for _, _, path in receiver.requests] == ["/results"] * 3
    assert len({body for _, body, _ in receiver.requests}) == 1
    assert len({headers["webhook-id"] for headers, _, _ in receiver.requests}) == 1
    assert (stream.sent, stream.problem) == (1, None)


async def test_a_url_that_is_away_stops_nothing(tmp_path: Path, receiver: Receiver) -> None:
    """All are called; the next stream sends what waits, in order, also from another object and process."""
    url, receiver.url = receiver.url, "http://127.0.0.1:9/results"
    stream = await run(campaign(tmp_path), receiver, NUMBERS[:4], drain=0.1)
    assert stream.sent == 0
    assert "they stay in the journal" in (stream.problem or "")
    assert (await campaign(tmp_path).report()).states == {ContactState.ACCEPTED: 4}
    receiver.url = url
    await run(campaign(tmp_path), receiver, NUMBERS[4:6])
    found = receiver.results()
    assert [each["id"] for each in found] == [1, 2, 3, 4, 5, 6]
    assert {each["number"] for each in found[:4]} == {*NUMBERS[:4]}


async def test_a_url_that_is_gone(tmp_path: Path, receiver: Receiver) -> None:
    """410 ends the stream; the dialling goes on."""
    receiver.script = [(410, {}, b"")]
    stream = await run(campaign(tmp_path), receiver, NUMBERS)
    assert (len(receiver.requests), "410" in (stream.problem or "")) == (1, True)


async def test_batches_are_bounded(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is sent in several requests, one after the other."""
    monkeypatch.setattr(results, "_BATCH", 3)
    ours = campaign(tmp_path)
    async with httpx.AsyncClient() as http:
        with suppress(ZeroDivisionError):
            async with ResultStream(ours, receiver.url, secret=SECRET, http_client=http):
                raise ZeroDivisionError  # it keeps results from now on, and is left at once
        async with ours.run(Platform(), NUMBERS, reminder) as outcomes:
            await outcomes.wait()
        async with ResultStream(ours, receiver.url, secret=SECRET, http_client=http) as stream:
            pass
    assert [len(json.loads(body)["data"]["results"]) for _, body, _ in receiver.requests] == [3, 3, 2]
    assert stream.sent == 8


async def test_results_of_calls_that_are_followed(tmp_path: Path, receiver: Receiver) -> None:
    """A call that is placed is no result yet, unless that is asked for; a list of no states stops the keeping."""
    ours = campaign(tmp_path, follow="callbacks")
    async with httpx.AsyncClient() as http:
        async with (
            ResultStream(ours, receiver.url, secret=SECRET, http_client=http),
            ours.run(Platform(), NUMBERS[:1], reminder) as outcomes,
        ):
            while outcomes.counts.states[ContactState.ACCEPTED] < 1:
                await anyio.sleep(0.01)
            outcomes.cancel()
        assert not receiver.requests
        states = (ContactState.ACCEPTED,)
        async with (
            ResultStream(ours, receiver.url, secret=SECRET, http_client=http, states=states),
            ours.run(Platform(), iter(NUMBERS[1:2]), reminder) as outcomes,
        ):
            while outcomes.counts.states[ContactState.ACCEPTED] < 2:
                await anyio.sleep(0.01)
            outcomes.cancel()
    assert [each["state"] for each in receiver.results()] == ["accepted"]
    async with ours:
        await ours.journal.stream_results(())  # type: ignore[attr-defined]
        assert await ours.journal.results(9) == []  # type: ignore[attr-defined]


async def test_a_journal_that_fails_is_told(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream ends, and nothing else."""
    ours = campaign(tmp_path)

    async def fail(limit: int) -> None:
        raise JournalError("gone")

    monkeypatch.setattr(ours.journal, "results", fail)
    stream = await run(ours, receiver, NUMBERS)
    assert stream.problem == "the journal cannot be read: gone"
    monkeypatch.setattr(ours.journal, "stream_results", fail)
    with pytest.raises(JournalError):
        await run(ours, receiver, NUMBERS)


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        ("http://me.example/r", SECRET, "must be https"),
        ("ftp://me.example/r", SECRET, "such as https"),
        ("https:///r", SECRET, "such as https"),
        ("https://me.example/a b", SECRET, "such as https"),
        ("https://[me/r", SECRET, "such as https"),
        ("https://a:b@me.example/r", SECRET, "no user and no password"),
        ("https://me.example/r", "whsec_c2hvcnQ=", "24 to 64 bytes"),
        ("https://me.example/r", "not base64!", "24 to 64 bytes"),
        ("https://me.example/r", b"not a str", "24 to 64 bytes"),
    ],
)
def test_what_is_no_target(tmp_path: Path, url: str, secret: Any, said: str) -> None:
    """It is refused at once, and the secret is in no message."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        ResultStream(campaign(tmp_path), url, secret=secret, http_client=httpx.AsyncClient())
    assert str(secret) not in str(refused.value)


def test_other_journals_have_no_results(tmp_path: Path) -> None:
    """They say so."""

    class Other:
        claim = None

    with pytest.raises(ConfigurationError, match="this journal keeps no results"):
        ResultStream(
            Campaign("x", journal=Other()),  # type: ignore[arg-type]
            "https://me.example/r",
            secret=SECRET,
            http_client=httpx.AsyncClient(),
        )


def signed(body: bytes, at: float | None = None, message_id: str = "msg_1") -> dict[str, str]:
    """The headers of a request."""
    timestamp = str(int(time.time() if at is None else at))
    key = results._Key(SECRET)
    assert repr(key) == "<key>"
    with pytest.raises(TypeError):
        key.__reduce__()
    signature = key.sign(message_id, timestamp, body)
    return {"Webhook-Id": message_id, "Webhook-Timestamp": timestamp, "Webhook-Signature": f"v1,b2xk {signature}"}


def test_the_example_of_the_specification() -> None:
    """The vector that the libraries of Standard Webhooks test with."""
    key = results._Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_requests_are_verified() -> None:
    """Another body, id, time or secret is refused."""
    body = b'{"type": "campaign.results"}'
    assert verify_results(signed(body), body, secret=SECRET) == {"type": "campaign.results"}
    assert verify_results(signed(body, 1000.0), body, secret=SECRET, now=1100.0)["type"] == "campaign.results"
    for headers, given, error in (
        (signed(body), body + b" ", InvalidSignatureError),
        (signed(body) | {"Webhook-Id": "msg_2"}, body, InvalidSignatureError),
        (signed(body) | {"Webhook-Signature": "v1,\udc80"}, body, InvalidSignatureError),
        ({}, body, StaleTimestampError),
        (signed(body) | {"Webhook-Timestamp": "-1"}, body, StaleTimestampError),
        (signed(body, 1.0), body, StaleTimestampError),
        (signed(b"[]"), b"[]", InvalidEventError),
        (signed(b"\xff"), b"\xff", InvalidEventError),
    ):
        with pytest.raises(error):
            verify_results(headers, given, secret=SECRET)
    with pytest.raises(ConfigurationError):
        verify_results(signed(body), body, secret="short")
