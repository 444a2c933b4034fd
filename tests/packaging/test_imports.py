"""What an import costs: modules are counted, since seconds depend on the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ran(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own, where any warning is an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def loaded(statement: str) -> set[str]:
    """Return the modules that a statement loads, without those of Python, which differ from one to the next."""
    done = ran(f"{statement}\nimport sys\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("statement", "beside", "most"),
    [
        ("import sinch_voice_async", "pass", 3),
        ("from sinch_voice_async import VoiceClient", "import httpx, cattrs.gen, anyio", 95),
        ("from sinch_voice_async.webhooks import WebhookApp", "import cattrs.gen, anyio", 66),
    ],
)
def test_modules_are_few(statement: str, beside: str, most: int) -> None:
    """Beside what it stands on, the package loads no more modules than it did when its import time was measured."""
    more = loaded(statement) - loaded(beside)
    assert len(more) <= most, sorted(more)


@pytest.mark.parametrize(
    ("codec", "document", "cls"),
    [
        ("documents", '{"event": "dice", "callId": "1", "debit": {"amount": 0.25}}', "models.events.Event"),
        ("documents", '{"action": {"name": "hangup"}}', "models.svaml.document.Svaml"),
        ("rest_codec", '{"callId": "1", "to": {"endpoint": "2"}, "debit": {"amount": 0.25}}', "models.calls.Call"),
    ],
)
def test_each_codec_is_enough_alone(codec: str, document: str, cls: str) -> None:
    """Each registers all that its models hold: an application that only answers callbacks loads no other."""
    module, _, name = f"sinch_voice_async.{cls}".rpartition(".")
    program = f"""
import sinch_voice_async._wire.{codec}
from sinch_voice_async._wire.codec import decode
from {module} import {name}
print(decode({document.encode()!r}, {name}))
"""
    done = ran(program)
    assert done.returncode == 0, done.stderr
    assert "Price(currency_id=None, amount=Decimal('0.25')" in done.stdout or name == "Svaml"


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("sinch_voice_async.sandbox", "starlette", "sandbox"),
        ("sinch_voice_async.otel", "opentelemetry", "otel"),
        ("sinch_voice_async.dialer.cluster", "psycopg", "cluster"),
        ("sinch_voice_async.dialer.cluster.procrastinate", "procrastinate", "procrastinate"),
        ("sinch_voice_async.dialer.cluster.celery", "celery", "celery"),
        ("sinch_voice_async.dialer.cluster.taskiq", "taskiq", "taskiq"),
    ],
)
def test_a_missing_extra_says_its_name(module: str, needs: str, extra: str) -> None:
    """Whoever has left an extra out reads what to install, not which module of somebody else is missing."""
    done = ran(f"import sys; sys.modules[{needs!r}] = None\nimport {module}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert f"pip install 'sinch-voice-async[{extra}]'" in last


SIGN = """
import anyio
from sinch_voice_async.credentials import Credentials
OURS = Credentials("key-of-a-test", "c2VjcmV0")
"""
CLIENT = """
import anyio, httpx, json
sent = []
def answer(request):
    sent.append(json.loads(request.content))
    return httpx.Response(200, json={"callId": "1"})
async def ask(call):
    from sinch_voice_async.client import VoiceClient
    async with VoiceClient("key-of-a-test", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        await call(client)
"""
POSTED = """
def post(app, event):
    from sinch_voice_async.testing import signed_callback
    headers, body = signed_callback(event, OURS, "/")
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    said = []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        said.append(message)
    anyio.run(app, {"type": "http", "method": "POST", "path": "/", "headers": pairs}, receive, send)
    return said[0]["status"], said[1]["body"]
"""
ASK_ALL = """
app = N(credentials=OURS)
found = {kind: post(app, {"event": kind, "callid": "1"}) for kind in ("ice", "ace", "dice", "pie", "notify")}
assert {status for status, _ in found.values()} == {200}, found
assert found["ice"][1] == found["pie"][1] == b'{"action":{"name":"hangup"}}', found
assert found["ace"][1] == b'{"action":{"name":"continue"}}', found
assert found["dice"][1] == found["notify"][1] == b"{}", found
"""
WRITTEN = """
from sinch_voice_async.testing import signed_callback
import json
headers, body = signed_callback(N(call_id="1"), OURS, "/")
assert json.loads(body)["callid"] == "1" and json.loads(body)["event"], body
"""
PLACED = """
anyio.run(ask, lambda client: client.callouts.place(N(**FIELDS)))
assert list(sent[0]) == ["method", sent[0]["method"]], sent
"""
NAMED = """
import json
step = N(*FIELDS)
document = svaml.Svaml(action=step) if isinstance(step, svaml.Action) else svaml.Svaml(instructions=[step])
written = svaml.dumps(document)
assert '"name"' in written, written
assert svaml.loads(written) == document
anyio.run(ask, lambda client: client.calls.update("1", document))
assert sent == [json.loads(written)], sent
"""
STEPS = {
    "Answer": (),
    "ConnectConference": ("room",),
    "ConnectMxp": ("bob",),
    "ConnectPstn": ("+46700000001",),
    "ConnectSip": ("a@b.example",),
    "ConnectStream": ("wss://a.example",),
    "Continue": (),
    "Hangup": (),
    "Park": (),
    "PlayFiles": (["a"],),
    "ReportCallStatus": ("success",),
    "Say": ("a",),
    "SendDtmf": ("1",),
    "SetCookie": ("a", "b"),
    "StartRecording": (),
    "StopRecording": (),
    "UnknownAction": ("transfer",),
    "UnknownInstruction": ("dance",),
}
DESTINATION = "destination='+46700000001'"
USES = {
    **{f"svaml.{name}": f"{CLIENT}FIELDS = {fields!r}{NAMED}" for name, fields in STEPS.items()},
    "svaml.dumps": """assert N(svaml.Svaml(action=svaml.Hangup())) == '{"action":{"name":"hangup"}}'""",
    "svaml.loads": """assert N(b'{"action":{"name":"HANGUP"}}') == svaml.Svaml(action=svaml.Hangup())""",
    "webhooks.WebhookApp": SIGN + POSTED + ASK_ALL,
    **{
        f"webhooks.{name}": SIGN + WRITTEN
        for name in ("AnsweredCall", "DisconnectedCall", "IncomingCall", "Notification", "PromptInput")
    },
    "testing.signed_callback": SIGN + """assert N({"event": "ice", "callId": "1"}, OURS)[1]""",
    "TtsCallout": f"{CLIENT}FIELDS = dict({DESTINATION}, text='a'){PLACED}",
    "ConferenceCallout": f"{CLIENT}FIELDS = dict({DESTINATION}, conference_id='a'){PLACED}",
    "CustomCallout": f"{CLIENT}FIELDS = dict({DESTINATION}, ice='https://a.example'){PLACED}",
    "VoiceClient": f"{CLIENT}anyio.run(ask, lambda client: client.callouts.tts('+46700000001', 'a')); assert sent",
}
PUBLIC = ("", "svaml", "webhooks", "testing", "errors", "dialer", "sandbox")
FORKING = """
import asyncio, importlib, json, os, sys, traceback
import anyio, anyio._backends._asyncio, attrs, cattrs.gen, httptools, httpx
USES, PUBLIC = json.loads(sys.stdin.read())
assert not [name for name in sys.modules if name.startswith("sinch")]

def child(module, name):
    scope = {}
    exec(f"from {module} import {name} as N\\nimport sinch_voice_async", scope)
    use = USES.get(f"{module}.{name}".removeprefix("sinch_voice_async."))
    if module.endswith(".svaml"):
        exec("from sinch_voice_async import svaml", scope)
    exec(use or "assert repr(N)", scope)

def names(module):
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.write(writing, json.dumps(importlib.import_module(module).__all__).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return json.loads(os.read(reading, 1 << 16))

tried = 0
for module in PUBLIC:
    module = f"sinch_voice_async.{module}".rstrip(".")
    for name in names(module):
        tried += 1
        if not (pid := os.fork()):
            try:
                child(module, name)
            except BaseException:
                print(f"{module}.{name}", traceback.format_exc(), sep="\\n", flush=True)
                os._exit(1)
            os._exit(0)
        os.waitpid(pid, 0)
print(tried, "tried")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process for each name")
def test_every_public_name_works_alone() -> None:
    """Each name is imported and used in a process of its own, which has loaded nothing else of the package."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING],
        input=json.dumps([USES, PUBLIC]),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    count, _, rest = done.stdout.partition(" tried")
    assert int(count) > 180, done.stdout
    assert not rest.strip()
