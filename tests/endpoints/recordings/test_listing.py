"""Listing and deleting recordings: what goes over the wire, and what comes back."""

import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from sinch_voice_async import DecodeError, InvalidRequestError, NotFoundError, VoiceClient
from sinch_voice_async._endpoints.recordings import Recordings
from sinch_voice_async.sandbox import Sandbox

DAY = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAIVE = DAY.replace(tzinfo=None)


class Platform:
    """An httpx transport that answers with given pages, and remembers what was asked."""

    def __init__(self, *pages: object) -> None:
        self.pages = pages
        self.queries: list[dict[str, str]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        self.queries.append(query)
        number = int(query["page"])
        return httpx.Response(200, json=self.pages[number - 1] if number <= len(self.pages) else [])

    def client(self) -> VoiceClient:
        return VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(self))


async def test_recordings_as_the_platform_tells_of_them(sandbox: Sandbox, recordings: Recordings) -> None:
    """Every field arrives; the listing is cut into pages by the platform, not by what was asked for."""
    sandbox.recordings.max_page_size = 2
    stored = [sandbox.add_recording(seconds=0.01, headers={"call": str(number)}) for number in range(5)]
    listed = await recordings.list().collect()
    assert [each.key for each in listed] == [each.key for each in stored]
    first = listed[0]
    assert (first.created_on, first.expires_on) == (stored[0].created_on, stored[0].expires_on)
    assert first.headers == {"call": "0"}
    assert first.url is not None
    assert first.url.startswith(sandbox.url)


async def test_only_those_of_some_time(sandbox: Sandbox, recordings: Recordings) -> None:
    """A time window is the platform's to apply, whatever zone its times are given in."""
    for day in range(4):
        sandbox.add_recording(f"day {day}", created_on=DAY + timedelta(days=day), seconds=0.01)
    local = timezone(timedelta(hours=2))
    pages = recordings.list(start=DAY + timedelta(days=1), end=(DAY + timedelta(days=3)).astimezone(local), page_size=1)
    assert [recording.key async for recording in pages] == ["day 1", "day 2"]


async def test_the_query() -> None:
    """Times are in UTC, pages count from 1, and an open end is fixed when the iteration starts."""
    platform = Platform([{"key": "a"}], [{"key": "b"}])
    async with platform.client() as client:
        pages = client.recordings.list(start=DAY.astimezone(timezone(timedelta(hours=-5))), page_size=7)
        assert platform.queries == []
        before = datetime.now(UTC)
        assert [[each.key for each in page] async for page in pages.by_page()] == [["a"], ["b"]]
        after = datetime.now(UTC)
        await pages.collect(limit=1)
    assert {(query["from"], query["pageSize"]) for query in platform.queries} == {("2026-01-31T12:00:00Z", "7")}
    assert [query["page"] for query in platform.queries] == ["1", "2", "3", "2", "1", "1"]
    *first, second = (datetime.fromisoformat(query["to"]) for query in platform.queries)
    assert len(set(first)) == 1
    assert before <= first[0] <= after <= second


async def test_the_end_is_by_the_platforms_clock() -> None:
    """A clock that is known to be wrong is corrected in the window too, or the newest recordings would be cut off."""
    platform = Platform()
    async with platform.client() as client:
        client._transport.session.clock_offset = 600.0
        await client.recordings.list().collect()
    assert "from" not in platform.queries[0]
    assert datetime.fromisoformat(platform.queries[0]["to"]) > datetime.now(UTC) + timedelta(seconds=590)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("start", {"start": NAIVE}),
        ("end", {"end": NAIVE}),
        ("start", {"start": "2026-01-31T00:00:00Z"}),
        ("end", {"end": date(2026, 1, 31)}),
        ("start", {"start": DAY, "end": DAY}),
        ("start", {"start": DAY + timedelta(seconds=1), "end": DAY}),
        ("page_size", {"page_size": 0}),
        ("page_size", {"page_size": True}),
        ("page_size", {"page_size": 10.0}),
        ("page_size", {"page_size": None}),
    ],
)
async def test_what_cannot_be_asked_for(field: str, arguments: dict[str, Any]) -> None:
    """A slip is named at once, before anything is iterated over or sent; a wrong time comes with advice."""
    async with Platform().client() as client:
        with pytest.raises(InvalidRequestError, match=field) as caught:
            client.recordings.list(**arguments)
    assert caught.value.field == field
    assert arguments[field] is not NAIVE or "time zone" in str(caught.value)


async def test_a_window_that_has_not_begun() -> None:
    """An open end is now, and a start after it is a slip that shows when the iteration starts."""
    platform = Platform()
    async with platform.client() as client:
        with pytest.raises(InvalidRequestError, match="start must be earlier than end"):
            await client.recordings.list(start=datetime.now(UTC) + timedelta(days=1)).collect()
    assert platform.queries == []


async def test_a_listing_that_is_none() -> None:
    """An answer that is no list of recordings is a DecodeError that says where."""
    async with Platform([{"url": "https://example.org"}]).client() as client:
        with pytest.raises(DecodeError) as caught:
            await client.recordings.list().collect()
    assert "key" in str(caught.value) + caught.value.path


async def test_ten_thousand_recordings_while_some_come_and_go(sandbox: Sandbox, recordings: Recordings) -> None:
    """Pages of 37, fifty added and fifty deleted meanwhile: each that was there throughout is given exactly once."""
    sandbox.recordings.max_page_size = 37
    keys = [f"recording-{number:05}" for number in range(10_000)]
    # All made of one short sound: ten thousand tones would take longer than the test.
    for number, key in enumerate(keys):
        sandbox.add_recording(key, data=b"-", created_on=DAY + timedelta(seconds=number))
    chance = random.Random(5)
    going, found = set(chance.sample(keys, 50)), list[str]()
    leaving = list(going)
    async for recording in recordings.list(end=DAY + timedelta(days=1)):
        found.append(recording.key)
        if leaving and len(found) % 150 == 0:
            sandbox.remove_recording(leaving.pop())
            moment = DAY + timedelta(seconds=chance.randrange(10_000))
            sandbox.add_recording(f"new-{len(found)}", data=b"-", created_on=moment)
    assert leaving == []
    assert len(found) == len(set(found))
    assert set(keys) - going <= set(found)


async def test_deleting_while_listing(sandbox: Sandbox, recordings: Recordings) -> None:
    """Even who deletes each recording that the listing gives gets all of them."""
    sandbox.recordings.max_page_size = 3
    keys = {sandbox.add_recording(data=b"-").key for _ in range(20)}
    found = []
    async for recording in recordings.list():
        found.append(recording.key)
        await recordings.delete(recording.key)
    assert (len(found), set(found), len(sandbox.recordings)) == (20, keys, 0)


async def test_deleting(sandbox: Sandbox, recordings: Recordings) -> None:
    """A recording is deleted by its key, whatever is in it; what is not there is a NotFoundError."""
    sandbox.add_recording("calls/2026 ü?#%.wav", data=b"-")
    await recordings.delete("calls/2026 ü?#%.wav")
    assert len(sandbox.recordings) == 0
    with pytest.raises(NotFoundError) as caught:
        await recordings.delete("calls/2026 ü?#%.wav")
    assert (caught.value.code, caught.value.attempts) == (40400, 1)


@pytest.mark.parametrize("key", ["", ".", "..", "a\nb", None, 7])
async def test_what_is_no_key(recordings: Recordings, key: Any) -> None:
    """Nothing that could reach another endpoint is sent."""
    with pytest.raises(InvalidRequestError, match="key"):
        await recordings.delete(key)
    with pytest.raises(InvalidRequestError, match="key"):
        recordings.download(key)
