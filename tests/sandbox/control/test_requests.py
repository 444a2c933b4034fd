"""The log of requests: what is kept, what is found, why a signature failed, and sending it again."""

import base64
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import Response

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.request_log import LoggedRequest, RequestLog, masked
from tests.sandbox.applications import Application, always, served
from tests.sandbox.caller import TTS, Caller

from .conftest import Panel

STAMP = "2026-11-27T09:14:07Z"
PATH = "/calling/v1/callouts"
CALLOUT = {"method": "ttsCallout", "ttsCallout": {**TTS, "text": "Hej på dig"}}
BODY = json.dumps(CALLOUT, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture
def application(sandbox: Sandbox) -> Iterator[Application]:
    """An application that the sandbox tells; time passes fast."""
    sandbox.clock.speed = 1_000
    application = Application(sandbox)
    with served(application.app) as url:
        sandbox.account.callback_urls.primary = url
        yield application


async def called(sandbox: Sandbox, panel: Panel, **members: object) -> str:
    """Place a callout with every callback, and return the id of the call once it is over."""
    caller = Caller(sandbox, panel.http)
    call_id = await caller.placed(enableAce=True, enableDice=True, **members)
    await sandbox.calls[call_id].until_final(300)
    # The call is over before its last callback is answered.
    while any(entry.direction == "callback" and not (entry.status or entry.error) for entry in sandbox.exchange.log):
        await anyio.sleep(0.001)  # pragma: no cover  # it may be so at once
    return call_id


async def test_a_request_is_shown_whole(sandbox: Sandbox, panel: Panel) -> None:
    """Method, URL, headers, body, answer, time, call and verdict; the list leaves bodies out."""
    call_id = await Caller(sandbox, panel.http).placed(text="Hello there!")
    [summary] = (await panel.get("/requests"))["requests"]
    assert (summary["direction"], summary["method"], summary["path"], summary["status"]) == ("api", "POST", PATH, 200)
    assert (summary["callId"], summary["verdict"], summary["failed"]) == (call_id, "valid", False)
    shown = await panel.get(f"/requests/{summary['id']}")
    assert {name: shown[name] for name in summary} == summary
    assert json.loads(shown["requestBody"]["text"])["ttsCallout"]["text"] == "Hello there!"
    assert json.loads(shown["responseBody"]["text"]) == {"callId": call_id}
    assert shown["requestBody"]["mediaType"] == "application/json"
    assert dict(shown["requestHeaders"])["authorization"].startswith("application ")
    assert next(step["name"] for step in shown["signature"]["steps"]) == "Method"
    assert abs(shown["signature"]["contentSecondsOff"]) < 60
    raw = await panel.http.get(f"/requests/{summary['id']}/body")
    assert (raw.json()["method"], raw.headers["content-disposition"]) == ("ttsCallout", "attachment")
    assert (await panel.http.get(f"/requests/{summary['id']}/response-body")).json() == {"callId": call_id}
    assert await panel.refused("GET", "/requests/r99") == (404, 40400, "Request not found")


async def test_callbacks_are_in_the_same_log(sandbox: Sandbox, panel: Panel, application: Application) -> None:
    """With what came back, and a link from the call's timeline."""
    application.answers["ace"] = always(Response("no", status_code=401, media_type="text/plain"))
    call_id = await called(sandbox, panel)
    found = (await panel.get("/requests?q=direction:callback"))["requests"]
    assert [(each["event"], each["status"], each["callId"]) for each in found] == [
        ("dice", 200, call_id),
        ("ace", 401, call_id),
    ]
    shown = await panel.get(f"/requests/{found[1]['id']}")
    assert (shown["responseBody"]["text"], shown["signature"]["verdict"]) == ("no", "invalid")
    timeline = (await panel.get(f"/calls/{call_id}"))["timeline"]
    [answer] = [entry for entry in timeline if entry["kind"] == "answer" and entry["text"] == "ace"]
    assert answer["requestId"] == found[1]["id"]
    assert answer["data"]["signed"]["authorization"] == dict(shown["requestHeaders"])["authorization"]


async def test_requests_are_searched_paged_and_removed(sandbox: Sandbox, panel: Panel) -> None:
    """By words, by members, with negation, and page after page."""
    caller = Caller(sandbox, panel.http)
    for number in range(4):
        await caller.tts(text=f"number {number}")
    await panel.http.get(f"{sandbox.url}/calling/v1/calls/id/x", auth=("a", "b"), headers={"user-agent": "curl/8"})
    for query, count in (
        ("", 5),
        ("status:200", 4),
        ("-status:200", 1),
        ('"number 2"', 1),
        ("number", 4),
        ("client:curl", 1),
        ("path:calls/id", 1),
        ("failed:yes", 1),
        ("http://127", 5),
        ("nothing:at-all", 0),
        ('""', 5),
        ("status:20", 0),
        ("verdict:valid -number", 0),
    ):
        found = await panel.get(f"/requests?{httpx.QueryParams(q=query)}")
        assert (query, found["count"]) == (query, count)
    first = await panel.get("/requests?limit=2")
    second = await panel.get(f"/requests?limit=2&before={first['next']}")
    third = await panel.get(f"/requests?limit=2&before={second['next']}")
    ids = [each["id"] for page in (first, second, third) for each in page["requests"]]
    assert ids == ["r5", "r4", "r3", "r2", "r1"]
    assert third["next"] is None
    assert (await panel.refused("GET", "/requests?limit=0"))[:2] == (400, 40001)
    assert (await panel.refused("GET", "/requests?limit=" + "9" * 400))[:2] == (400, 40001)
    assert (await panel.http.delete("/requests?q=status:200")).json() == {"deleted": 4}
    assert (await panel.get("/requests"))["count"] == 1
    assert (await panel.http.delete("/requests")).json() == {"deleted": 1}


async def test_secrets_are_masked(sandbox: Sandbox, panel: Panel) -> None:
    """The secret of Basic authorization, and the credentials of a storage, are in no answer."""
    account = sandbox.account
    start = {"name": "startRecording", "options": {"credentials": "top:secret"}}
    ice = {"instructions": [start], "action": {"name": "hangup"}}
    body = {"method": "customCallout", "customCallout": {"ice": json.dumps(ice), "credentials": "also:secret"}}
    await panel.http.post(f"{sandbox.url}{PATH}", json=body, auth=(account.application_key, account.application_secret))
    everything = [await panel.http.get(path) for path in ("/requests/r1", "/requests/r1/body", "/requests.har")]
    for answer in everything:
        assert account.application_secret not in answer.text
        assert "top:secret" not in answer.text
        assert "also:secret" not in answer.text
    shown = f"Basic {account.application_key}:\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET}"
    assert ["authorization", shown] in everything[0].json()["requestHeaders"]
    assert (await panel.get("/requests?q=secret"))["count"] == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Basic !!!", "Basic :\u2022\u2022\u2022\u2022"),
        ("Basic " + base64.b64encode(b"k\xff:s").decode(), "Basic :\u2022\u2022\u2022\u2022"),
        ("Bearer abc", "Bearer \u2022\u2022\u2022\u2022"),
        ("abc", "\u2022\u2022\u2022\u2022"),
        ("Application k:sig", "Application k:sig"),
    ],
)
def test_every_authorization_but_a_signature_is_masked(value: str, shown: str) -> None:
    """Whatever was sent there may be a secret."""
    assert masked([("Authorization", value), ("x", value)]) == (("Authorization", shown), ("x", value))


def entry(number: int, size: int = 0) -> LoggedRequest:
    """An entry of a log."""
    return LoggedRequest(
        direction="callback",
        method="POST",
        url=f"http://x/{number}",
        target="/",
        request_headers=(),
        request_body=b"x" * size,
    )


def test_the_log_is_bounded() -> None:
    """The newest are kept: so many, and so many bytes."""
    log = RequestLog(kept=3, kept_bytes=10_000)
    for number in range(5):
        log.add(entry(number))
    assert ([each.id for each in log], log.dropped, len(log)) == (["r3", "r4", "r5"], 2, 3)
    log.add(entry(6, 8_500))
    assert [each.id for each in log] == ["r6"]
    assert [each.id for each in log.since(0, 5)] == ["r6"]
    assert log.since(6, 5) == []
    assert log.remove([entry(9)]) == 0
    assert log.get("r1") is None


async def test_a_connection_that_was_dropped_is_logged(sandbox: Sandbox, panel: Panel) -> None:
    """Without an answer, and with the reason."""
    sandbox.faults.add(drop="before", times=1)
    with pytest.raises(httpx.HTTPError):
        await Caller(sandbox, panel.http).tts()
    [shown] = (await panel.get("/requests"))["requests"]
    assert (shown["status"], shown["verdict"], shown["failed"]) == (None, "notChecked", True)
    assert "closed without an answer" in shown["error"]
    assert (await panel.get("/state"))["counts"] == {"calls": 0, "requests": 1, "failed": 1, "conferences": 0}


async def test_another_body_than_json_is_no_call(sandbox: Sandbox, panel: Panel) -> None:
    """A fault may replace the answer to a callout, and bytes that are no text are shown in base64."""
    sandbox.faults.add(body=b"\xff\xfe", times=1)
    await Caller(sandbox, panel.http).tts()
    shown = await panel.get("/requests/r1")
    assert (shown["callId"], shown["responseBody"]["encoding"], shown["responseBody"]["text"]) == (
        None,
        "base64",
        "//4=",
    )
    har = (await panel.get("/requests.har"))["log"]["entries"]
    assert har[0]["response"]["content"]["encoding"] == "base64"


async def test_a_long_body_is_cut_and_can_be_had_whole(sandbox: Sandbox, panel: Panel) -> None:
    """64 kB stand in the description, whatever character the cut falls into."""
    await Caller(sandbox, panel.http).tts(unknown="å" * 100_000)
    shown = await panel.get("/requests/r1")
    assert shown["requestBody"]["truncated"] is True
    assert len(shown["requestBody"]["text"].encode()) <= 65_536
    assert len((await panel.http.get("/requests/r1/body")).content) == shown["requestBody"]["size"] > 200_000


async def test_a_har_has_every_request(sandbox: Sandbox, panel: Panel) -> None:
    """Oldest first, with the query taken apart."""
    await Caller(sandbox, panel.http).send("GET", "/calling/v1/calls/id/x?a=1&b=%20")
    log = (await panel.get("/requests.har"))["log"]
    assert log["version"] == "1.2"
    assert log["entries"][0]["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": " "}]
    assert log["entries"][0]["response"]["status"] == 404


async def test_a_conference_and_a_participant_are_found_in_paths(sandbox: Sandbox, panel: Panel) -> None:
    """By the log, so that a conference shows what was done to it."""
    caller = Caller(sandbox, panel.http)
    await caller.send("GET", "/calling/v1/conferences/id/my%20room")
    await caller.send("DELETE", "/calling/v1/conferences/id/room/call-1")
    assert (await panel.get("/requests/r1"))["conferenceId"] == "my room"
    assert (await panel.get("/requests/r2"))["callId"] == "call-1"


# Why a signature failed.


def md5(data: bytes) -> str:
    """Line 2 of the string to sign."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


RIGHT = ("POST", md5(BODY), "application/json", f"x-timestamp:{STAMP}", PATH)
VALUE = json.loads(BODY)
MISTAKES: dict[str, tuple[str, ...]] = {
    "json-spaces": ("POST", md5(json.dumps(VALUE, ensure_ascii=False).encode()), *RIGHT[2:]),
    "json-indented": ("POST", md5(json.dumps(VALUE, ensure_ascii=False, indent=2).encode()), *RIGHT[2:]),
    "json-sorted": ("POST", md5(json.dumps(VALUE, sort_keys=True).encode()), *RIGHT[2:]),
    "json-ascii": ("POST", md5(json.dumps(VALUE, separators=(",", ":")).encode()), *RIGHT[2:]),
    "json-newline": ("POST", md5(BODY + b"\n"), *RIGHT[2:]),
    "md5-empty": ("POST", "", *RIGHT[2:]),
    "md5-of-nothing": ("POST", md5(b""), *RIGHT[2:]),
    "md5-hex": ("POST", hashlib.md5(BODY, usedforsecurity=False).hexdigest(), *RIGHT[2:]),
    "type-empty": (*RIGHT[:2], "", *RIGHT[3:]),
    "type-charset": (*RIGHT[:2], "application/json; charset=utf-8", *RIGHT[3:]),
    "stamp-space": (*RIGHT[:3], f"x-timestamp: {STAMP}", PATH),
    "stamp-capitals": (*RIGHT[:3], f"X-Timestamp:{STAMP}", PATH),
    "stamp-bare": (*RIGHT[:3], STAMP, PATH),
    "path-no-slash": (*RIGHT[:4], PATH[1:]),
    "path-slash": (*RIGHT[:4], f"{PATH}/"),
    "path-no-calling": (*RIGHT[:4], PATH.removeprefix("/calling")),
    "path-query": (*RIGHT[:4], f"{PATH}?a=1"),
    "path-url": (*RIGHT[:4], f"http://localhost{PATH}?a=1"),
    "method-lower": ("post", *RIGHT[1:]),
}
WRITINGS: dict[str, tuple[str, Callable[[tuple[str, ...]], str]]] = {
    "lines-crlf": ("sha256", "\r\n".join),
    "lines-end": ("sha256", lambda lines: "\n".join(lines) + "\n"),
    "hash-sha1": ("sha1", "\n".join),
}


def arrived(sandbox: Sandbox, text: str, *, key: bytes | None = None, digest: str = "sha256") -> LoggedRequest:
    """A request whose signature is that of a text."""
    secret = base64.b64decode(sandbox.account.application_secret) if key is None else key
    signature = base64.b64encode(hmac.digest(secret, text.encode(), digest)).decode()
    headers = (
        ("host", "localhost"),
        ("content-type", "application/json"),
        ("x-timestamp", STAMP),
        ("authorization", f"Application {sandbox.account.application_key}:{signature}"),
    )
    logged = LoggedRequest(
        direction="api", method="POST", url="", target=f"{PATH}?a=1", request_headers=headers, request_body=BODY
    )
    return sandbox.exchange.log.add(logged)


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_each_known_mistake_is_explained(sandbox: Sandbox, panel: Panel, mistake: str) -> None:
    """It is named, and the line that differs has both values."""
    name = arrived(sandbox, "\n".join(MISTAKES[mistake])).id
    found = await panel.done("POST", f"/requests/{name}/explain")
    assert [each["id"] for each in found["explanations"]] == [mistake]
    assert all(each["title"] and each["help"] for each in found["explanations"])
    wrong = [step for step in found["steps"] if step["firstDifference"] is not None]
    assert [step["signed"] for step in wrong] == [
        theirs for theirs, ours in zip(MISTAKES[mistake], RIGHT, strict=True) if theirs != ours
    ]


@pytest.mark.parametrize("writing", WRITINGS)
async def test_how_the_lines_were_written_is_explained(sandbox: Sandbox, panel: Panel, writing: str) -> None:
    """Line ends and the hash."""
    digest, write = WRITINGS[writing]
    name = arrived(sandbox, write(RIGHT), digest=digest).id
    found = await panel.done("POST", f"/requests/{name}/explain")
    assert [each["id"] for each in found["explanations"]] == [writing]


async def test_two_and_three_mistakes_are_explained(sandbox: Sandbox, panel: Panel) -> None:
    """Together, with the secret used as text."""
    lines = (*RIGHT[:3], f"x-timestamp: {STAMP}", PATH[1:])
    secret = sandbox.account.application_secret.encode()
    name = arrived(sandbox, "\n".join(lines), key=secret).id
    found = await panel.done("POST", f"/requests/{name}/explain")
    assert {each["id"] for each in found["explanations"]} == {"secret-text", "stamp-space", "path-no-slash"}


async def test_another_secret_is_not_explained(sandbox: Sandbox, panel: Panel) -> None:
    """After every known mistake was tried, in a moment."""
    name = arrived(sandbox, "\n".join(RIGHT), key=b"another").id
    found = await panel.done("POST", f"/requests/{name}/explain")
    assert found["explanations"] == []
    assert found["tried"] > 1_000


async def test_a_missing_empty_line_and_a_body_that_is_no_json_are_explained(sandbox: Sandbox, panel: Panel) -> None:
    """A GET has an empty line 2."""
    signed = "\n".join(("GET", "application/json", f"x-timestamp:{STAMP}", PATH))
    logged = arrived(sandbox, signed)
    logged.method, logged.request_body = "GET", b""
    found = await panel.done("POST", f"/requests/{logged.id}/explain")
    assert [each["id"] for each in found["explanations"]] == ["lines-missing"]


async def test_a_string_of_the_other_side_is_compared(sandbox: Sandbox, panel: Panel) -> None:
    """Line by line, longer or shorter than it should be."""
    name = arrived(sandbox, "\n".join(RIGHT)).id
    right = await panel.done("POST", f"/requests/{name}/explain", {"stringToSign": "\n".join(RIGHT)})
    assert all(step["firstDifference"] is None for step in right["steps"])
    wrong = await panel.done("POST", f"/requests/{name}/explain", {"stringToSign": "POST\nabc"})
    assert [step["firstDifference"] for step in wrong["steps"]] == [None, 0, 0, 0, 0]
    longer = await panel.done("POST", f"/requests/{name}/explain", {"stringToSign": "\n".join([*RIGHT, "more"])})
    assert longer["steps"][-1] == {"line": 6, "name": "", "expected": "", "signed": "more", "firstDifference": 0}


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"authorization": ""}, "missing"),
        ({"authorization": "Digest abc"}, "malformed"),
        ({"authorization": "Application other:abc"}, "unknownKey"),
        ({"x-timestamp": "then"}, "malformed"),
    ],
)
async def test_each_refusal_has_a_verdict(
    sandbox: Sandbox, panel: Panel, headers: dict[str, str], verdict: str
) -> None:
    """As the page words it."""
    await Caller(sandbox, panel.http).send("GET", "/calling/v1/calls/id/x", headers=headers)
    shown = await panel.get("/requests/r1")
    assert shown["signature"]["verdict"] == verdict


async def test_a_wrong_clock_is_told_by_its_seconds(sandbox: Sandbox, panel: Panel) -> None:
    """And a timestamp that cannot be read by none."""
    sandbox.clock.offset = 600
    await Caller(sandbox, panel.http).tts()
    shown = await panel.get("/requests/r1")
    assert shown["signature"]["verdict"] == "expired"
    await Caller(sandbox, panel.http).send(
        "GET", "/calling/v1/calls/id/x", headers={"x-timestamp": "0001-01-01T00:00:00"}
    )
    assert (await panel.get("/requests/r2"))["signature"]["contentSecondsOff"] > 1e9


# Sending again.


async def test_a_callback_is_sent_again(sandbox: Sandbox, panel: Panel, application: Application) -> None:
    """With a fresh signature, with another body, with further headers; the call does not change by it."""
    call_id = await called(sandbox, panel)
    before = (await panel.get(f"/calls/{call_id}"))["timeline"]
    [ace] = (await panel.get("/requests?q=event:ace"))["requests"]
    sent = await panel.done("POST", f"/requests/{ace['id']}/resend", {"headers": {"X-Test": "1"}})
    assert (sent["status"], sent["resentFrom"], sent["event"]) == (200, ace["id"], "ace")
    assert application.headers[-1]["x-test"] == "1"
    body = json.dumps({"event": "ace", "callid": "another"})
    again = await panel.done("POST", f"/requests/{sent['id']}/resend", {"body": body})
    assert application.events[-1]["callid"] == "another"
    assert again["resentFrom"] == sent["id"]
    assert (await panel.get(f"/calls/{call_id}"))["timeline"] == before
    same = await panel.done("POST", f"/requests/{ace['id']}/resend", {"timestamp": "same"})
    first = dict((await panel.get(f"/requests/{ace['id']}"))["requestHeaders"])
    assert dict(same["requestHeaders"])["authorization"] == first["authorization"]
    assert (await panel.refused("POST", f"/requests/{ace['id']}/resend", {"headers": {"x": "a\nb"}}))[:2] == (
        400,
        40001,
    )


async def test_a_request_is_sent_again(sandbox: Sandbox, panel: Panel) -> None:
    """Signed anew, or as it was, with Basic credentials that the log has masked."""
    caller, account = Caller(sandbox, panel.http), sandbox.account
    await caller.tts()
    fresh = await panel.done("POST", "/requests/r1/resend")
    assert (fresh["status"], fresh["resentFrom"], len(sandbox.calls)) == (200, "r1", 2)
    same = await panel.done("POST", "/requests/r1/resend", {"timestamp": "same"})
    assert same["status"] == 200
    target = f"{sandbox.url}/calling/v1/calls/id/x?a=1"
    await panel.http.get(target, auth=(account.application_key, account.application_secret))
    basic = await panel.done("POST", "/requests/r4/resend", {"timestamp": "same"})
    assert (basic["status"], basic["target"]) == (404, "/calling/v1/calls/id/x?a=1")
    sandbox.faults.add(drop="before", times=1)
    assert (await panel.done("POST", "/requests/r1/resend"))["failed"] is True


@pytest.mark.parametrize("status", [200, 500])
async def test_the_callback_url_is_tested(
    sandbox: Sandbox, panel: Panel, application: Application, status: int
) -> None:
    """By a signed notification, which shows what came back."""
    application.answers["notify"] = always(Response("{}", status_code=status))
    told = await panel.done("POST", "/callback-test")
    assert (told["status"], told["event"], told["failed"]) == (status, "notify", status != 200)
    assert application.events[0]["type"] == "sandboxtest"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http://[::1", "http://a b/"])
async def test_a_callback_url_where_nothing_listens_is_told(panel: Panel, url: str) -> None:
    """In words, and never as an exception."""
    response = await panel.do("POST", "/callback-test", {"url": url})
    assert response.status_code == 201, response.text
    assert (response.json()["status"], bool(response.json()["error"])) == (None, True)
    assert (await panel.refused("POST", "/callback-test", {"url": "ftp://x"}))[:2] == (400, 40001)


async def test_an_application_that_is_slow_or_says_too_much_is_told(panel: Panel, application: Application) -> None:
    """A time-out, and a limit on what is read."""
    application.answers["notify"] = always(Response(b"x" * 1_100_000))
    told: dict[str, Any] = await panel.done("POST", "/callback-test")
    assert "more than 1048576 bytes" in told["error"]
    assert told["responseBody"]["size"] == 1_048_576


async def test_a_silent_application_is_told() -> None:
    """After the time that the sandbox gives callbacks."""
    sandbox = Sandbox(callback_timeout=0.2)

    async def silent(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with served(silent) as url, sandbox.serve():
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{sandbox.url}/_sandbox/api/callback-test", json={"url": url}, timeout=30)
    assert answer.json()["error"] == "no answer within 0.2 s"


async def test_svaml_that_was_illegal_is_marked_in_the_timeline(
    sandbox: Sandbox, panel: Panel, application: Application
) -> None:
    """With its path, beside the answer that held it."""
    application.answers["ace"] = always({"action": {"name": "park"}})
    call = await panel.get(f"/calls/{await called(sandbox, panel)}")
    [answer] = [entry for entry in call["timeline"] if entry["kind"] == "answer" and entry["text"] == "ace"]
    assert [fault["path"] for fault in answer["svamlFaults"]] == ["action.name"]
    assert call["failure"].startswith("SVAML: ")
    application.answers["ace"] = always({"action": {"name": "hangup"}})
    call = await panel.get(f"/calls/{await called(sandbox, panel)}")
    assert [entry["svamlFaults"] for entry in call["timeline"] if entry["kind"] == "answer"] == [[], []]


async def test_of_long_bodies_the_log_keeps_a_megabyte(sandbox: Sandbox, panel: Panel) -> None:
    """Of a request that is refused for its length, and of a recording that is downloaded."""
    await panel.http.post(f"{sandbox.url}{PATH}", content=b"x" * 2_500_000)
    sandbox.add_recording("long.wav", seconds=100)
    answer = await Caller(sandbox, panel.http).send("GET", "/calling/v1/recording/long.wav")
    assert len(answer.content) > 1_500_000
    assert all(
        len(each.request_body) < 1_400_000 and len(each.response_body) <= 1_048_576 for each in sandbox.exchange.log
    )


async def test_what_is_not_http_goes_straight_to_the_platform(sandbox: Sandbox) -> None:
    """As a server's lifespan, which is no request."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup" if not sent else "lifespan.shutdown"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await sandbox.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert len(sandbox.exchange.log) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_a_session_with_curl_is_shown(sandbox: Sandbox, panel: Panel) -> None:
    """The command that the page offers to paste: its client, its credentials without the secret, and its call."""
    account = sandbox.account
    body = json.dumps({"method": "ttsCallout", "ttsCallout": TTS})
    pair = f"{account.application_key}:{account.application_secret}"
    command = ["curl", "-s", "-u", pair, "-H", "Content-Type: application/json", f"{sandbox.url}{PATH}", "-d", body]
    ran = await anyio.run_process([*command, "--noproxy", "*"])
    shown = await panel.get("/requests/r1")
    assert shown["callId"] == json.loads(ran.stdout)["callId"]
    assert shown["userAgent"].startswith("curl/")
    assert (shown["signature"]["scheme"], shown["signature"]["verdict"]) == ("basic", "valid")
    assert account.application_secret not in json.dumps(shown)
