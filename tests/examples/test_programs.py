"""The examples that place calls and answer them do what their first lines say."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from sinch_voice_async import Credentials, VoiceClient, svaml
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import WebhookApp

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CREDENTIALS = Credentials("example-key", "ZXhhbXBsZSBzZWNyZXQ=")


def load(name: str) -> ModuleType:
    """Return an example as a module, without running its last lines."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application that the examples belong to."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", CREDENTIALS.application_key)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", CREDENTIALS.application_secret)


async def call_back(app: WebhookApp, event: Mapping[str, Any]) -> svaml.Svaml[Any, Any] | None:
    """Send an event as the platform does, and return what the application wants to be done."""
    headers, body = signed_callback({"callid": "1234", **event}, CREDENTIALS, "/")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://me.example") as platform:
        response = await platform.post("/", headers=headers, content=body)
    assert response.status_code == 200
    # An answer that says nothing is an empty object.
    return svaml.loads(response.content) if response.content not in (b"", b"{}") else None


async def test_quickstart_shows_four_calls(
    anyio_backend_name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to call out is answered, and on trio it shows what an error says too."""
    quickstart = load("quickstart")
    monkeypatch.setattr(quickstart, "console", quickstart.Console(width=100))
    await quickstart.main(anyio_backend_name)
    shown = capsys.readouterr().out
    assert shown.count("ANSWERED") == (5 if anyio_backend_name == "trio" else 4)
    assert ("outcome 'unsent' after 3 attempt(s)" in shown) == (anyio_backend_name == "trio")
    assert ("A call that a voice agent answers" in shown) == (anyio_backend_name == "trio")


async def test_a_voice_agent_is_interrupted() -> None:
    """It answers a question, falls silent while it speaks, and knows how far it was heard."""
    with anyio.fail_after(300):
        transcript = await load("voice_agent").rehearse()
    assert [who for _, who, _ in transcript] == ["agent", "caller", "agent"]
    heard = transcript[1][2].removeprefix("interrupts after ").strip("'")
    assert 5 < len(heard) < 50
    assert transcript[0][2].startswith(heard)


async def test_the_smallest_voice_server(sinch_stream: Callable[..., Any]) -> None:
    """It connects a call to itself, and echoes."""
    app = load("voice_agent_echo").build("https://agent.example.com")
    headers, body = signed_callback({"event": "ice", "callid": "1234"}, CREDENTIALS, "/sinch/")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://me.example") as platform:
        response = await platform.post("/sinch/", headers=headers, content=body)
    action = svaml.loads(response.content).action
    assert isinstance(action, svaml.ConnectStream)
    async with sinch_stream(app, action=action, call_id="1234") as caller:
        await caller.say(b"\x10\x10" * 3_200)
        await caller.wait(0.5)
        assert caller.verdict == "answer"
        assert caller.heard.level_db() > -60


async def test_batch_calls_no_number_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """On a sandbox with faults, every callout has an outcome, and no number is called a second time."""
    batch = load("batch_of_callouts")
    with anyio.fail_after(300):
        became = await batch.rehearse(100)
    assert sum(became.values()) == 100
    printed = capsys.readouterr().out
    # By chance, one callout may be refused three times in a row; that number was not called.
    rang = 100 - became["rejected"]
    assert f"{rang} numbers were called, {rang} calls in all." in printed
    assert "Outcomes" in printed


async def test_batch_calls_the_numbers_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of the file is a number that is called, at the address in the environment."""
    batch = load("batch_of_callouts")
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("+46700000001\n+46700000002\n", encoding="utf-8")
    async with Sandbox(CREDENTIALS.application_key, CREDENTIALS.application_secret).serve() as sandbox:
        monkeypatch.setenv("SINCH_VOICE_BASE_URL", sandbox.url)
        with anyio.fail_after(300):
            assert await batch.call(numbers) == {"placed": 2}
    assert sandbox.executed == 2
    assert "placed" in capsys.readouterr().out


async def test_conference_bridge_holds_the_meeting(capsys: pytest.CaptureFixture[str]) -> None:
    """All numbers are called, all but one are muted and unmuted, and the meeting ends."""
    bridge = load("conference_bridge")
    with anyio.fail_after(300):
        await bridge.rehearse()
    printed = capsys.readouterr().out
    assert printed.count("listener, muted") == 3
    assert printed.endswith("The meeting is over.\n")


async def test_conference_bridge_reports_a_failed_callout(capsys: pytest.CaptureFixture[str]) -> None:
    """One refused callout does not keep the others out."""
    bridge = load("conference_bridge")
    sandbox = Sandbox()
    sandbox.faults.add("POST", status=403, code=40300, times=1)
    async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
        with anyio.fail_after(300):
            call_ids = await bridge.call_all(client, ["+46700000001", "+46700000002"])
    assert len(call_ids) == 1
    assert "rejected" in capsys.readouterr().out


CHOICES: dict[str, tuple[dict[str, str], str]] = {
    "sales": ({"type": "return", "value": "sales"}, "connectPstn"),
    "support": ({"type": "return", "value": "support"}, "connectConf"),
    "call back": ({"type": "sequence", "value": "0701234567"}, "hangup"),
    "silence": ({"type": "timeout"}, "hangup"),
}


@pytest.mark.parametrize("choice", CHOICES)
async def test_ivr_leads_every_caller_somewhere(choice: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each choice of the menu is answered with SVAML that is allowed there."""
    app: WebhookApp = load("ivr").build()
    menu_result, expected = CHOICES[choice]
    greeting = await call_back(app, {"event": "ice", "cli": "46700000009"})
    assert greeting is not None
    assert isinstance(greeting.action, svaml.RunMenu)
    cookies = [{"key": "caller", "value": "46700000009"}]
    chosen = await call_back(app, {"event": "pie", "menuResult": menu_result, "cookies": cookies})
    assert chosen is not None
    assert f'"name":"{expected}"' in svaml.dumps(chosen)
    picked_up = await call_back(app, {"event": "ace"})
    assert picked_up is not None
    assert picked_up.action == svaml.Continue()
    assert (
        await call_back(app, {"event": "dice", "result": "ANSWERED", "reason": "CALLERHANGUP", "duration": 7}) is None
    )
    assert "ANSWERED" in capsys.readouterr().out


ANSWERS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "confirmed": ([{"event": "pie", "menuResult": {"type": "return", "value": "confirmed"}}], "ANSWERED"),
    "called": ([{"event": "pie", "menuResult": {"type": "timeout"}}], "ANSWERED"),
    "not reached: BUSY": ([], "BUSY"),
}


@pytest.mark.parametrize("state", ANSWERS)
async def test_reminders_note_the_pressed_key(state: str) -> None:
    """The state of an appointment is what the events of its call say."""
    example = load("appointment_reminders")
    events, result = ANSWERS[state]
    appointment = example.Appointment("+46700000001", "tomorrow at nine")
    sandbox = Sandbox(CREDENTIALS.application_key, CREDENTIALS.application_secret)
    async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
        reminders = example.Reminders(client, "https://me.example/")
        with anyio.fail_after(300):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reminders.remind_all, [appointment])
                while not sandbox.executed:
                    await anyio.sleep(0.01)
                (call,) = sandbox.calls
                for event in [*events, {"event": "dice", "result": result}]:
                    await call_back(reminders.app, {**event, "callid": call.call_id})
    assert appointment.state == state


async def test_reminders_note_a_failed_callout() -> None:
    """A callout that fails is a state with its outcome, and no end of the others."""
    example = load("appointment_reminders")
    appointment = example.Appointment("+46700000001", "tomorrow at nine")
    sandbox = Sandbox(CREDENTIALS.application_key, CREDENTIALS.application_secret)
    sandbox.faults.add("POST", drop="before")
    async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
        await example.Reminders(client, "https://me.example/").remind(appointment)
    assert appointment.state.startswith("unknown: ")


def test_a_campaign_is_stopped_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All customers are called, results come by callbacks, and only busy lines are called again."""
    campaign = load("campaign")

    async def rehearse() -> Any:
        with anyio.fail_after(300):
            return await campaign.rehearse(tmp_path, customers=12)

    report = anyio.run(rehearse, backend="trio")
    assert report.states == {"done": 12}
    assert report.results.keys() <= {"ANSWERED", "BUSY", "NOANSWER"}
    again = 12 - report.results["ANSWERED"]
    assert 12 + again <= report.attempts <= 12 + 2 * 12
    assert "glasses: 12 contacts" in capsys.readouterr().out
