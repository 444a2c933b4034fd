"""A law of the whole address: whatever is asked of any route, the answer is one that the documents know.

The application is called without a server, and lets every exception through that would be a traceback in a log.
"""

import json
import string
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.caller import in_process
from tests.sandbox.shapes import JSON, SCALARS

API = "/_sandbox/api"
ENDLESS = f"{API}/events"
"""The stream of events, which has no end to wait for."""
NOBODY = "http://127.0.0.1:9/"
"""Where a callback finds nobody; no other address is called."""
IDS = ["CALL", "CALL", "room", "room", "caller", "callee", "+46700000001", "a/b", "../x", "%", "\0", "\ufffd"]
"""``CALL`` is a call that there is, ``room`` a conference with one participant, and a recording."""
TAKEN = [
    "command",
    "moh",
    "numbers",
    "number",
    "applicationkey",
    "capability",
    "url",
    "primary",
    "instructions",
    "action",
]
"""What the platform's routes take beside callouts."""
TEXTS = [NOBODY, "http://[", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "1#*", "\ud800"]
CHOICES = ["mute", "before", "declined", "bm9uZQ=="]
NUMBERS = [1e9, 1e300, 0, -1, 0.5, 10**30]
EDGES = st.sampled_from(
    [*TEXTS, *CHOICES, *NUMBERS, True, "\0", [], {}, [""], ["1"], [1], ["+46700000001"], {"primary": NOBODY}]
)
ODD = st.text(string.printable + "\u00e5\u2028", max_size=8)
"""Too short for the URL of anybody."""
DOTS = {".", ".."}
"""The steps of a path that a client takes before it sends, and after it has signed."""
QUERIES = st.dictionaries(st.sampled_from(["page", "pageSize", "from", "to", "x"]), EDGES | ODD, max_size=3)


class Target(NamedTuple):
    """A method and a path template, and the members that it takes."""

    method: str
    template: str
    takes: list[str]


class Asked(NamedTuple):
    """One request."""

    method: str
    target: str
    body: bytes | None


async def every_target() -> list[Target]:
    """Return the routes of the platform, and of the control API as it tells them."""
    sandbox = Sandbox()
    async with in_process(sandbox) as caller:
        listed = (await caller.http.get(f"{sandbox.url}{API}/")).json()["endpoints"]
    own = [Target(each["method"], each["path"], list(each["takes"])) for each in listed if each["path"] != ENDLESS]
    return [*(Target(*route, TAKEN) for route in sorted(sandbox.routes())), *own]


TARGETS = anyio.run(every_target)


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Draw a request, mostly for a path that there is and with members that it takes."""
    method, template, takes = draw(st.sampled_from(TARGETS))
    given_id = st.sampled_from(IDS) | ODD.filter(lambda text: text not in DOTS)
    pieces = [quote(draw(given_id), safe="") if piece.startswith("{") else piece for piece in template.split("/")]
    query = urlencode(draw(QUERIES), errors="replace")
    members = st.dictionaries(st.sampled_from(takes or IDS), EDGES | SCALARS | JSON, max_size=4)
    written = (members | members | JSON).map(lambda value: json.dumps(value).encode())
    body = draw(st.one_of(st.none(), written, written, st.binary(max_size=20)))
    other = draw(st.sampled_from(["", "", "", "", "GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]))
    return Asked(other or method, "/".join(pieces) + (f"?{query}" if query else ""), body)


@settings(max_examples=50, deadline=None)
@given(st.lists(requests(), min_size=4, max_size=16), st.sampled_from(["asyncio", "trio"]))
def test_any_request_is_answered(asked: list[Asked], backend: str) -> None:
    """Never a 500 or an exception, in any order, and the sandbox places a call and tells of it after that."""
    anyio.run(answered, asked, backend=backend)


async def answered(asked: list[Asked]) -> None:
    """Ask a new sandbox, in which calls are ongoing."""
    sandbox = Sandbox(speed=0)
    sandbox.recordings.add(key="room")
    async with in_process(sandbox) as caller:
        call_id = await caller.placed()
        where = {"conferenceId": "room", "destination": {"type": "number", "endpoint": "+46700000001"}}
        await caller.callout("conferenceCallout", where)
        sandbox.clock.step(1)
        for method, target, body in asked:
            response = await caller.send(method, target.replace("CALL", call_id), body)
            # Not a 401 either: whoever signs correctly reaches the route.
            assert response.status_code < 500, response.text
            assert response.status_code != 401, response.text
            assert response.status_code < 400 or method == "HEAD" or is_whole(response.json())
            recover(sandbox)
        assert (await caller.tts()).status_code == 200
        assert (await caller.http.get(f"{sandbox.url}{API}/calls")).status_code == 200
    sandbox.close()


def is_whole(error: dict[str, Any]) -> bool:
    """Whether an error object is the platform's."""
    return bool(error["errorCode"] and error["message"] and error["reference"])


def recover(sandbox: Sandbox) -> None:
    """Undo what may be asked for and keeps others from being served."""
    sandbox.faults.clear()
    sandbox.clock.offset = 0
    account = sandbox.account
    account.out_of_credit, account.forbidden, account.max_text_length = False, set(), 600
