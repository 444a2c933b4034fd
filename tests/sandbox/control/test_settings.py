"""Clock, account, faults, recordings and telephones, set from outside."""

import re
from importlib.metadata import PackageNotFoundError

import httpx
import pytest

from sinch_voice_async.sandbox import Population, Sandbox
from sinch_voice_async.sandbox.control import app as control
from sinch_voice_async.sandbox.faults import Faults
from tests.sandbox.caller import Caller

from .conftest import Panel


async def test_the_api_describes_itself(panel: Panel) -> None:
    """Each endpoint says what it does and takes, for programs that read it."""
    endpoints = {(each["method"], each["path"]): each for each in (await panel.get("/"))["endpoints"]}
    assert endpoints["PATCH", "/_sandbox/api/faults"] == {
        "method": "PATCH",
        "path": "/_sandbox/api/faults",
        "does": "Limit the callouts that are accepted in a second.",
        "takes": {"callsPerSecond": "callouts accepted in any second; null: any number"},
    }
    assert all(each["does"].endswith(".") for each in endpoints.values())


async def test_the_table_in_the_docstring_is_true(panel: Panel) -> None:
    """Whoever reads the source finds every endpoint there, and no other."""
    rows = re.findall(r"^([A-Z ]+?)  +``(/[^`]*)``", control.__doc__ or "", re.MULTILINE)
    written = {(method, f"/_sandbox/api{path}") for methods, path in rows for method in methods.split()}
    assert written == {(each["method"], each["path"]) for each in (await panel.get("/"))["endpoints"]}


async def test_the_api_is_not_the_platforms(sandbox: Sandbox, panel: Panel) -> None:
    """Its routes are not among those that a client is held to, and no fault meets them."""
    sandbox.faults.add(drop="before")
    assert (await panel.get("/state"))["calls"] == 0
    assert not any("_sandbox" in path for _, path in sandbox.routes())


async def test_the_state_names_everything_but_the_secret(sandbox: Sandbox, panel: Panel) -> None:
    """Who can read it is nobody's business to decide here."""
    text = (await panel.http.get("/state")).text
    assert sandbox.account.application_key in text
    assert sandbox.account.application_secret not in text


async def test_the_clock_is_set_and_stepped(sandbox: Sandbox, panel: Panel) -> None:
    """What is left out stays."""
    assert (await panel.get("/clock"))["speed"] == 0
    stepped = await panel.done("POST", "/clock/step", {"seconds": 12.5})
    assert stepped["now"] == sandbox.clock.now() == 12.5
    await panel.done("PATCH", "/clock", {"speed": 100})
    told = await panel.done("PATCH", "/clock", {"offset": -600})
    assert (told["speed"], told["offset"]) == (sandbox.clock.speed, sandbox.clock.offset) == (100, -600)


async def test_the_account_is_set(sandbox: Sandbox, panel: Panel) -> None:
    """Callback URLs, credit and limits; what is left out stays."""
    changes = {"primary": "http://127.0.0.1:1/x", "outOfCredit": True, "forbidden": ["+882"], "maxTextLength": 5}
    told = await panel.done("PATCH", "/account", changes)
    assert told == {**changes, "applicationKey": sandbox.account.application_key, "fallback": ""}
    assert sandbox.account.callback_urls.primary == "http://127.0.0.1:1/x"
    again = await panel.done("PATCH", "/account", {"fallback": "https://example.org/", "outOfCredit": False})
    assert again == {**told, "fallback": "https://example.org/", "outOfCredit": False}
    assert await panel.get("/account") == again


async def test_a_population_is_settled_and_leaves(sandbox: Sandbox, panel: Panel) -> None:
    """By shares that add up to 1; it is told of, and whoever was there before comes back."""
    assert await panel.get("/population") == {"population": None}
    shares = {"answer": 0.5, "busy": 0.25, "noAnswer": 0.25, "machine": 0.0, "seed": 7}
    assert await panel.done("PUT", "/population", shares) == {"population": shares}
    assert sandbox.people.population == Population(answer=0.5, busy=0.25, no_answer=0.25, seed=7)
    status, code, message = await panel.refused("PUT", "/population", {"answer": 0.5})
    assert (status, code) == (400, 40001)
    assert "add up to 0.5 and not to 1" in message
    assert (await panel.get("/population"))["population"] == shares
    await panel.do("DELETE", "/population")
    assert sandbox.people.population is None


async def test_faults_are_armed_met_and_cleared(sandbox: Sandbox, panel: Panel) -> None:
    """The platform's side meets them; this side lists what is left."""
    fault = {"method": "post", "status": 503, "code": 50300, "retryAfter": 2, "times": 2, "latency": 0.01}
    told = await panel.done("POST", "/faults", fault)
    assert (told["method"], told["status"], told["retryAfter"], told["share"]) == ("POST", 503, 2, 1)
    answer = await Caller(sandbox, panel.http).tts()
    assert (answer.status_code, answer.json()["errorCode"], answer.headers["retry-after"]) == (503, 50300, "2")
    assert [each["left"] for each in (await panel.get("/faults"))["faults"]] == [1]
    limited = await panel.done("PATCH", "/faults", {"callsPerSecond": 3})
    assert limited["callsPerSecond"] == 3
    assert (await panel.done("PATCH", "/faults"))["callsPerSecond"] == 3
    assert (await panel.done("PATCH", "/faults", {"callsPerSecond": None}))["callsPerSecond"] is None
    assert await panel.done("DELETE", "/faults") is None
    assert await panel.get("/faults") == {"callsPerSecond": None, "faults": []}


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_faults_of_every_kind(panel: Panel, drop: str) -> None:
    """They come back as they were told."""
    fault = {"route": "/calling/v1/callouts", "drop": drop, "cutAt": 3, "body": "<html>é", "share": 0.5}
    told = await panel.done("POST", "/faults", fault)
    assert {name: told[name] for name in fault} == fault


async def test_bytes_that_are_no_text_are_told_as_well_as_can_be(sandbox: Sandbox, panel: Panel) -> None:
    """A test in Python may have armed them."""
    sandbox.faults.add(body=b"\xff")
    assert [each["body"] for each in (await panel.get("/faults"))["faults"]] == ["\ufffd"]


async def test_recordings_are_added_played_and_deleted(sandbox: Sandbox, panel: Panel) -> None:
    """A tone of any length, or a text."""
    tone = await panel.done("POST", "/recordings", {"seconds": 0.5, "key": "a/b ü.wav"})
    text = await panel.done("POST", "/recordings", {"text": "Hällo", "createdOn": "2026-01-02T03:04:05"})
    await panel.done("POST", "/recordings", {"createdOn": "2026-01-02T03:04:05+02:00"})
    assert text["createdOn"] == "2026-01-02T03:04:05+00:00"
    played = await panel.http.get("/recordings/a%2Fb%20%C3%BC.wav", headers={"range": "bytes=0-3"})
    assert (played.status_code, played.content, played.headers["content-type"]) == (206, b"RIFF", "audio/wav")
    assert (await panel.http.get(f"/recordings/{text['key']}")).text == "Hällo"
    assert await panel.done("DELETE", f"/recordings/{text['key']}") is None
    assert await panel.refused("DELETE", f"/recordings/{text['key']}") == (404, 40400, "Recording not found")
    listed = (await panel.get("/recordings"))["recordings"]
    assert [each["key"] for each in listed] == [each.key for each in sandbox.recordings]
    assert listed[0] == {**tone, "downloads": 1}


async def test_people_are_put_at_numbers(sandbox: Sandbox, panel: Panel) -> None:
    """A number, a user name or a SIP address with a slash in it; with or without a plus sign."""
    told = await panel.done("PUT", "/phones/+46700000001", {"answersAfter": 2, "presses": ["1", "4711#"]})
    assert told == await panel.get("/phones/46700000001")
    assert (told["answersAfter"], told["hangsUpAfter"], told["presses"]) == (2, None, ["1", "4711#"])
    await panel.done("PUT", "/phones/sip%2Fbob@example.org", {"refuses": "busy"})
    await panel.done("PUT", "/phones/alice", {"manual": True})
    assert sandbox.people.at("sip/bob@example.org").refuses == "busy"
    assert [each["number"] for each in (await panel.get("/phones"))["phones"]] == [
        "46700000001",
        "sip/bob@example.org",
        "alice",
    ]
    assert await panel.done("DELETE", "/phones/+46700000001") is None
    assert await panel.done("DELETE", "/phones/+46700000001") is None
    assert (await panel.get("/phones/+46700000001"))["presses"] == []
    said = await panel.done("PUT", "/phones/+46700000001", {"says": ["Hello?", "What is my balance?"]})
    assert said["says"] == ["Hello?", "What is my balance?"]
    assert (await panel.done("PATCH", "/phones/+46700000001", {"answersAfter": 1}))["says"] == said["says"]
    assert (await panel.done("PUT", "/phones/+46700000001", {"says": []}))["says"] == []


async def test_the_person_everywhere_else_is_somebody_too(sandbox: Sandbox, panel: Panel) -> None:
    """And whoever is scripted takes after them."""
    machine = {"machine": True, "beepsAfter": 4, "answersAfter": None, "hangsUpAfter": 40}
    default = await panel.done("PUT", "/phones", machine)
    assert {name: default[name] for name in machine} == machine
    assert (await panel.done("PUT", "/phones/1", {"refuses": "declined"}))["hangsUpAfter"] == 40
    assert sandbox.people.default.is_machine


async def test_a_reset_leaves_a_clean_slate(sandbox: Sandbox, panel: Panel) -> None:
    """Calls, people, recordings and faults; not the account and the clock."""
    await Caller(sandbox, panel.http).tts()
    await panel.done("POST", "/recordings")
    await panel.done("POST", "/faults", {"status": 500})
    await panel.done("PUT", "/phones/1", {"manual": True})
    await panel.done("PATCH", "/account", {"maxTextLength": 5})
    assert await panel.done("POST", "/reset") is None
    state = await panel.get("/state")
    assert (state["calls"], state["phones"], state["account"]["maxTextLength"]) == (0, [], 5)
    assert ((await panel.get("/recordings"))["recordings"], (await panel.get("/faults"))["faults"]) == ([], [])


WRONG = [
    ("PATCH", "/clock", {"speed": -1}, "speed"),
    ("PATCH", "/clock", {"speed": "1"}, "speed"),
    ("PATCH", "/clock", {"speed": True}, "speed"),
    ("PATCH", "/clock", {"spede": 1}, "spede"),
    ("PATCH", "/clock", {"offset": 1e300}, "offset"),
    ("POST", "/clock/step", {"seconds": -1}, "seconds"),
    ("POST", "/clock/step", {}, "seconds"),
    ("PATCH", "/account", {"primary": "ftp://x"}, "primary"),
    ("PATCH", "/account", {"primary": 1}, "primary"),
    ("PATCH", "/account", {"forbidden": "+882"}, "forbidden"),
    ("PATCH", "/account", {"forbidden": [1]}, "forbidden"),
    ("PATCH", "/account", {"outOfCredit": "yes"}, "outOfCredit"),
    ("PATCH", "/account", {"maxTextLength": 0}, "maxTextLength"),
    ("POST", "/faults", {"share": 1.5}, "share"),
    ("POST", "/faults", {"times": 0}, "times"),
    ("POST", "/faults", {"status": 42}, "status"),
    ("POST", "/faults", {"status": 500.5}, "status"),
    ("POST", "/faults", {"drop": "sometimes"}, "drop"),
    ("POST", "/faults", {"cutAt": -1}, "cutAt"),
    ("POST", "/faults", {"body": {}}, "body"),
    ("POST", "/faults", {"latency": -1}, "latency"),
    ("PATCH", "/faults", {"callsPerSecond": "many"}, "callsPerSecond"),
    ("POST", "/recordings", {"seconds": 1e9}, "seconds"),
    ("POST", "/recordings", {"createdOn": "yesterday"}, "createdOn"),
    ("POST", "/recordings", {"key": "k" * 257}, "key"),
    ("PUT", "/phones/1", {"presses": "1"}, "presses"),
    ("PUT", "/phones/1", {"says": [1]}, "says[0]"),
    ("PUT", "/phones/1", {"says": ["x" * 4_001]}, "says"),
    ("PUT", "/phones/1", {"presses": ["A"]}, "presses"),
    ("PUT", "/phones/1", {"presses": [""]}, "presses"),
    ("PUT", "/phones/1", {"refuses": "politely"}, "refuses"),
    ("PUT", "/phones/1", {"manual": 1}, "manual"),
    ("PUT", "/phones/1", {"answersAfter": []}, "answersAfter"),
    ("POST", "/calls", {"from": "+1"}, "to"),
    ("POST", "/calls", {"from": "", "to": "+1"}, "from"),
    ("POST", "/calls", {"from": "x" * 257, "to": "+1"}, "from"),
    ("POST", "/calls", {"from": 1, "to": "+1"}, "from"),
    ("POST", "/reset", {"everything": True}, "everything"),
]


@pytest.mark.parametrize(("method", "path", "body", "member"), WRONG)
async def test_every_wrong_shape_is_named(panel: Panel, method: str, path: str, body: object, member: str) -> None:
    """One clear 400 that says which member, and nothing is changed."""
    before = await panel.get("/state")
    status, code, message = await panel.refused(method, path, body)
    assert (status, code) in {(400, 40001), (400, 40002)}
    assert f"'{member}" in message
    after = await panel.get("/state")
    assert {**after, "clock": None} == {**before, "clock": None}


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b"null", b"{", b"\xff", b'{"speed": NaN}', b'{"speed": 1e999}', b"[" * 100_000]
)
async def test_a_body_that_is_no_object_is_refused(panel: Panel, body: bytes) -> None:
    """Whatever it is instead."""
    response = await panel.http.patch("/clock", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["errorCode"] // 100) == (400, 400)


async def test_a_body_without_end_is_not_read_to_its_end(panel: Panel) -> None:
    """A megabyte is enough."""
    headers = {"content-type": "application/json"}
    response = await panel.http.patch("/clock", content=b" " * 1_100_000, headers=headers)
    assert (response.status_code, response.json()["errorCode"]) == (413, 41300)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/clock", 405), ("GET", "/../../calling/v1/callouts", 401), ("GET", "", 404)],
)
async def test_what_is_not_there_is_not_found(panel: Panel, method: str, path: str, status: int) -> None:
    """In the words of the platform's error object."""
    url = httpx.URL(str(panel.http.base_url).rstrip("/")).copy_with(raw_path=f"/_sandbox/api{path}".encode())
    response = await panel.http.request(method, url)
    assert (response.status_code, response.json()["errorCode"] // 100) == (status, status)


async def test_another_sites_request_is_refused_over_http(sandbox: Sandbox, panel: Panel) -> None:
    """By the same guard, on every endpoint and on the page."""
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
        assert (await panel.http.post("/reset", json={}, headers=headers)).status_code == 403
    assert (await panel.http.post("/reset", content="{}")).status_code == 415
    page = str(panel.http.base_url.copy_with(raw_path=b"/_sandbox/"))
    assert (await panel.http.get(page, headers={"host": "evil.example"})).status_code == 403


async def test_every_answer_is_kept_to_its_own_site(panel: Panel) -> None:
    """No script but the page's own files, no frame, no guessing of types, no cross-origin reading."""
    for path in ("/state", "/nothing", "/recordings"):
        headers = (await panel.http.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


async def test_a_fault_of_the_sandbox_itself_is_told(
    sandbox: Sandbox, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 50000, like on the platform's side."""

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sandbox.people, "clear", fail)
    assert await panel.refused("POST", "/reset") == (500, 50000, "Internal error: ZeroDivisionError")


async def test_a_generated_secret_is_told_and_a_given_one_is_not(sandbox: Sandbox, panel: Panel) -> None:
    """The first protects nothing that this API does not give; the other may be used elsewhere."""
    told = await panel.get("/account/credentials")
    assert told == {
        "applicationKey": sandbox.account.application_key,
        "applicationSecret": sandbox.account.application_secret,
        "baseUrl": sandbox.url,
    }
    given = Sandbox("key", "c2VjcmV0")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(given.app), base_url="http://localhost") as http:
        assert (await http.get("/_sandbox/api/account/credentials")).json()["applicationSecret"] is None


async def test_the_shape_of_a_recording_is_told(sandbox: Sandbox, panel: Panel) -> None:
    """As numbers from 0 to 1; of what is no WAV file there is none."""
    await panel.done("POST", "/recordings", {"key": "tone.wav", "seconds": 2})
    told = await panel.get("/recordings/tone.wav/peaks?n=50")
    assert (told["seconds"], len(told["peaks"])) == (2, 50)
    assert 0 < max(told["peaks"]) <= 1
    await panel.done("POST", "/recordings", {"key": "note.txt", "text": "Hello"})
    assert await panel.get("/recordings/note.txt/peaks") == {"seconds": 0, "peaks": []}
    await panel.done("POST", "/recordings", {"key": "empty.wav", "seconds": 0})
    assert (await panel.get("/recordings/empty.wav/peaks"))["peaks"] == []
    assert (await panel.refused("GET", "/recordings/tone.wav/peaks?n=x"))[:2] == (400, 40001)


BIG = 10**400


@pytest.mark.parametrize(
    ("method", "path", "body", "member"),
    [
        ("PATCH", "/clock", {"offset": -BIG}, "offset"),
        ("POST", "/clock/step", {"seconds": BIG}, "seconds"),
        ("PATCH", "/account", {"maxTextLength": BIG}, "maxTextLength"),
        ("POST", "/faults", {"times": BIG}, "times"),
        ("POST", "/faults", {"cutAt": BIG}, "cutAt"),
        ("POST", "/faults", {"retryAfter": BIG}, "retryAfter"),
        ("PATCH", "/faults", {"callsPerSecond": BIG}, "callsPerSecond"),
        ("PUT", "/population", {"answer": 1, "seed": BIG}, "seed"),
        ("PUT", "/phones/1", {"beepsAfter": BIG}, "beepsAfter"),
        ("POST", "/recordings", {"createdOn": "0001-01-01T00:00:00+14:00"}, "createdOn"),
        ("POST", "/recordings", {"createdOn": "9999-12-31T23:59:59-14:00"}, "createdOn"),
        ("POST", "/recordings", {"createdOn": "9999-12-31T23:59:59"}, "createdOn"),
        ("PUT", "/answers/ice", {"svaml": {"action": {"name": "hangup"}}, "times": BIG}, "times"),
    ],
)
async def test_numbers_and_dates_at_the_ends_are_refused_by_name(
    panel: Panel, method: str, path: str, body: object, member: str
) -> None:
    """An integer of 400 digits is out of range like any other, and a date needs room for 90 days after it."""
    status, code, message = await panel.refused(method, path, body)
    assert (status, code) == (400, 40001)
    assert f"'{member}'" in message


async def test_time_has_an_end(panel: Panel) -> None:
    """A step that leads beyond it is refused, and time can be told before and after."""
    for _ in range(10):
        await panel.done("POST", "/clock/step", {"seconds": 1e9})
    await panel.refused("POST", "/clock/step", {"seconds": 1e9})
    assert (await panel.get("/clock"))["now"] == 1e10


async def test_a_bound_of_the_sandbox_itself_is_told(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As 400 with its words."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError("latency must be less")

    monkeypatch.setattr(Faults, "add", fail)
    assert await panel.refused("POST", "/faults", {}) == (400, 40001, "Illegal parameter: latency must be less")


async def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be run from its source alone."""

    def fail(_name: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(control, "version", fail)
    assert control._version() == "unknown"
