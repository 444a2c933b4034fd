"""Listing, downloading and deleting recordings over HTTP."""

import io
import wave
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sinch_voice_async.sandbox import Recordings, Sandbox
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.recordings import Stored, ToneFile

from .caller import Caller, error, in_process

PATH = "/calling/v1/recording"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


async def keys(caller: Caller, query: str = "") -> list[str]:
    """List recordings and return their keys."""
    return [each["key"] for each in (await caller.send("GET", f"{PATH}{query}")).json()]


async def test_a_recording_is_described_as_documented(caller: Caller) -> None:
    """A bare array of objects."""
    caller.sandbox.add_recording("a/b.wav", created_on=NOON, headers={"callId": "1"})
    assert (await caller.send("GET", PATH)).json() == [
        {
            "key": "a/b.wav",
            "url": "http://localhost/calling/v1/recording/a%2Fb.wav",
            "createdOn": "2026-01-02T12:00:00Z",
            "expiresOn": "2026-04-02T12:00:00Z",
            "headers": {"callId": "1"},
        }
    ]


async def test_pages_are_counted_from_one_and_end_with_an_empty_one(caller: Caller) -> None:
    """Oldest first, whatever the order in which they were stored."""
    for hour in (2, 0, 3, 1):
        caller.sandbox.add_recording(f"{hour}", created_on=NOON + timedelta(hours=hour))
    assert await keys(caller) == ["0", "1", "2", "3"]
    assert await keys(caller, "?page=1&pageSize=3") == ["0", "1", "2"]
    assert await keys(caller, "?page=2&pageSize=3") == ["3"]
    assert await keys(caller, "?page=3&pageSize=3") == []


async def test_the_page_size_may_be_capped() -> None:
    """A short page is not the last one."""
    async with in_process(Sandbox(max_page_size=2)) as caller:
        for number in range(3):
            caller.sandbox.add_recording(f"{number}", created_on=NOON)
        assert await keys(caller, "?pageSize=100") == ["0", "1"]
        assert await keys(caller, "?pageSize=100&page=2") == ["2"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?from=2026-01-02T13:00:00Z", ["1", "2"]),
        ("?to=2026-01-02T13:00:00Z", ["0"]),
        ("?from=2026-01-02T13:00:00&to=2026-01-02T14:00:00.000Z", ["1"]),
        ("?from=2026-01-02T15:00:00+02:00", ["1", "2"]),
        ("?from=2026-01-02T15:00:00%2B02:00", ["1", "2"]),
    ],
)
async def test_listings_are_bounded_in_time(caller: Caller, query: str, expected: list[str]) -> None:
    """From a time on, and until before another, in any ISO form."""
    for hour in range(3):
        caller.sandbox.add_recording(f"{hour}", created_on=NOON + timedelta(hours=hour))
    assert await keys(caller, query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?page=0", "'pageNumber' must be greater than 0"),
        ("?page=first", "'pageNumber' must be greater than 0"),
        ("?pageSize=0", "'pageSize' must be a positive integer"),
        ("?pageSize=-1", "'pageSize' must be a positive integer"),
        ("?pageSize=" + "9" * 5_000, "'pageSize' must be a positive integer"),
        ("?from=2026-01-02T13:00:00Z&to=2026-01-02T13:00:00Z", "'to' must be greater than 'from'"),
        ("?from=yesterday", "'from' is not a timestamp"),
    ],
)
async def test_listing_can_go_wrong(caller: Caller, query: str, message: str) -> None:
    """The three documented sentences, and one for what is no time."""
    response = await caller.send("GET", f"{PATH}{query}")
    assert error(response) == (400, 40001)
    assert response.json()["message"] == message


async def test_a_recording_is_downloaded(remote: Caller) -> None:
    """With its length, its validators and its type; and it can be played."""
    stored = remote.sandbox.add_recording("call.wav", seconds=2.5, created_on=NOON)
    response = await remote.send("GET", f"{PATH}/call.wav")
    assert response.status_code == 200
    assert response.headers["content-length"] == str(stored.size) == "40044"
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["last-modified"] == format_datetime(NOON, usegmt=True)
    assert response.headers["etag"] == stored.etag
    assert response.content == stored.read()
    assert stored.downloads == 1
    with wave.open(io.BytesIO(response.content)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8_000, 20_000)


async def test_any_bytes_can_be_a_recording(caller: Caller) -> None:
    """Empty ones, too, and ones that were replaced."""
    caller.sandbox.add_recording("empty", data=b"")
    response = await caller.send("GET", f"{PATH}/empty")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/octet-stream"
    caller.sandbox.recordings["empty"].change(b"full")
    assert (await caller.send("GET", f"{PATH}/empty")).content == b"full"


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-100", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_parts_are_downloaded(
    caller: Caller, asked: str, status: int, content: bytes, content_range: str | None
) -> None:
    """RFC 9110, section 14: one range is served, what is malformed or several is ignored, what fits nothing is 416."""
    caller.sandbox.add_recording("digits", data=b"0123456789")
    response = await caller.send("GET", f"{PATH}/digits", headers={"range": asked})
    assert (response.status_code, response.content) == (status, content)
    assert response.headers.get("content-range") == content_range


async def test_a_changed_file_is_not_resumed(caller: Caller) -> None:
    """RFC 9110, section 13.1.5: ``If-Range`` gives the whole of another version."""
    stored = caller.sandbox.add_recording("call.wav", created_on=NOON)
    headers = {"range": "bytes=100-", "if-range": stored.etag}
    assert (await caller.send("GET", f"{PATH}/call.wav", headers=headers)).status_code == 206
    dated = {**headers, "if-range": format_datetime(NOON, usegmt=True)}
    assert (await caller.send("GET", f"{PATH}/call.wav", headers=dated)).status_code == 206
    before, size = stored.read(), stored.size
    stored.change()
    assert (stored.size, stored.read() == before) == (size, False)
    for condition in (headers, dated):
        assert (await caller.send("GET", f"{PATH}/call.wav", headers=condition)).status_code == 200


async def test_a_server_may_know_no_ranges(caller: Caller) -> None:
    """Then every answer is whole."""
    caller.sandbox.recordings.accept_ranges = False
    caller.sandbox.add_recording("digits", data=b"0123456789")
    response = await caller.send("GET", f"{PATH}/digits", headers={"range": "bytes=2-4"})
    assert (response.status_code, response.content) == (200, b"0123456789")
    assert "accept-ranges" not in response.headers


async def test_recordings_are_deleted(caller: Caller) -> None:
    """204, and 40400 from then on."""
    caller.sandbox.add_recording("call.wav")
    assert (await caller.send("DELETE", f"{PATH}/call.wav")).status_code == 204
    assert error(await caller.send("DELETE", f"{PATH}/call.wav")) == (404, 40400)
    assert error(await caller.send("GET", f"{PATH}/call.wav")) == (404, 40400)
    assert len(caller.sandbox.recordings) == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_key_is_needed(caller: Caller, method: str) -> None:
    """The documents give this its own code."""
    assert error(await caller.send(method, f"{PATH}/")) == (400, 40002)


def test_a_test_removes_recordings_itself(sandbox: Sandbox) -> None:
    """As others come and go while somebody lists them."""
    key = sandbox.add_recording().key
    sandbox.remove_recording(key)
    assert sandbox.recordings.get(key) is None
    with pytest.raises(KeyError):
        sandbox.remove_recording(key)


def test_recordings_without_a_name_get_one_each() -> None:
    """Ten thousand of them, and no two sound alike nearby."""
    recordings = Recordings(Clock())
    stored = [recordings.add(created_on=NOON.replace(tzinfo=None)) for _ in range(20)]
    assert len(recordings) == len({each.read() for each in stored}) == 20
    assert stored[0].key == "20260102120000_000001.mp3"
    assert stored[0].created_on == NOON


def test_a_gigabyte_takes_no_memory() -> None:
    """It is made while it is read, and every part of it is where it should be."""
    tone = ToneFile(500_000_000, 440)
    assert tone.size == 1_000_000_044
    assert tone.read(0, 4) == b"RIFF"
    assert len(tone.read(999_000_000, tone.size)) == 1_000_044
    pieces = b"".join(tone.read(start, start + 7_777) for start in range(40, 600_000, 7_777))
    assert pieces == tone.read(40, 40 + len(pieces))


def test_bytes_are_read_in_parts() -> None:
    """What was stored comes back."""
    assert Stored(b"0123456789").read(2, 5) == b"234"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (None, "audio/wav"),
        (b"RIFF....WAVE", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b'{"text": ""}', "application/json"),
        (b"", "application/octet-stream"),
        (b"text", "application/octet-stream"),
    ],
)
async def test_a_download_is_called_what_it_is(caller: Caller, data: bytes | None, media_type: str) -> None:
    """The name says mp3, as the platform's automatic names do; the content type tells the truth."""
    stored = caller.sandbox.add_recording(data=data)
    assert stored.key.endswith(".mp3")
    assert (await caller.send("GET", f"{PATH}/{stored.key}")).headers["content-type"] == media_type


async def test_a_range_of_absurd_numbers_is_no_range(caller: Caller) -> None:
    """Five thousand digits are answered with the whole file."""
    caller.sandbox.add_recording("call", data=b"0123456789")
    for asked in (f"bytes={'9' * 5_000}-", f"bytes=-{'9' * 5_000}", f"bytes=0-{'9' * 5_000}"):
        assert (await caller.send("GET", f"{PATH}/call", headers={"range": asked})).content == b"0123456789"
