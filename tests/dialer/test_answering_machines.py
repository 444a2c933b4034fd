"""Answering machines: detected, given another text, counted as such, and dialled again if the rules say so."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from sinch_voice_async import Call, ConfigurationError, CustomCallout, VoiceClient, svaml
from sinch_voice_async.dialer import Campaign, Contact, ContactState, Outcome, RedialRules, callout_with_detection
from sinch_voice_async.models.events import AmdResult, CallEvent
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import AnsweredCall, DisconnectedCall, Notification, WebhookApp
from tests.dialer.platforms import Platform

ANN, BO = "+46700000001", "+46700000002"
HELLO = svaml.Svaml(instructions=[svaml.Say("Hello.")], action=svaml.Hangup())
RULES = RedialRules(attempts=2, results={"MACHINE"}, delay=0.0)


def detecting(contact: Contact) -> CustomCallout:
    """A callout with detection."""
    return callout_with_detection(contact.number, callback_url="https://me.example/sinch", cli="+46700000000")


def campaign(folder: Path, **more: Any) -> Campaign:
    """A campaign that follows its calls."""
    given: dict[str, Any] = {"journal": folder / "x.sqlite", "calls_per_second": float("inf"), "follow": "callbacks"}
    return Campaign("x", **(given | more))


class Answering(Platform):
    """A platform whose callees send these events, one list for each call."""

    def __init__(self, ours: Campaign, *calls: list[CallEvent]) -> None:
        super().__init__()
        self.ours = ours
        self.calls = [*calls]
        self.said: list[svaml.Svaml] = []

    async def __call__(self, callout: Any, /, **more: Any) -> Any:
        """Take a callout, and send its events."""
        receipt = await super().__call__(callout, **more)
        for event in self.calls.pop(0):
            known = evolve(event, call_id=receipt.call_id, custom=callout.custom)
            if isinstance(known, AnsweredCall):
                self.said.append(await self.ours.answer(known, human=HELLO, machine=spoken))
            else:
                await self.ours.settle(known)
        return receipt


def spoken(contact: Contact) -> svaml.Svaml:
    """What a machine is told."""
    return svaml.Svaml(instructions=[svaml.Say(f"A message for {contact.number}.")], action=svaml.Hangup())


MACHINE = AnsweredCall(call_id="", amd=AmdResult(status="machine"))
PERSON = AnsweredCall(call_id="", amd=AmdResult(status="human"))
LATER = Notification(call_id="", type="amd", amd=AmdResult(status="Machine"))
END = DisconnectedCall(call_id="", result="ANSWERED", reason="MANAGERHANGUP")
BUSY = DisconnectedCall(call_id="", result="BUSY", reason="TIMEOUT")


@pytest.mark.parametrize("first", [MACHINE, LATER])
async def test_a_machine_is_a_result_and_dialled_again(tmp_path: Path, first: CallEvent) -> None:
    """The first call meets a machine, the second a person: told by the ACE or, later, by a notification."""
    ours = campaign(tmp_path, redial=RULES)
    platform = Answering(ours, [first, END], [PERSON, END])
    async with ours.run(platform, [ANN], detecting) as outcomes:
        results = [(each.result, each.note, each.attempt) async for each in outcomes]
    assert results == [("MACHINE", "answered by a machine", 1), ("ANSWERED", None, 2)]
    assert platform.said == [*([spoken(Contact(ANN))] if first is MACHINE else []), HELLO]
    assert (await ours.report()).results == {"ANSWERED": 1}


async def test_without_a_rule_it_is_only_counted(tmp_path: Path) -> None:
    """The report has a result of its own for machines; what was not answered keeps its result."""
    ours = campaign(tmp_path)
    platform = Answering(ours, [MACHINE, END], [MACHINE, BUSY])
    async with ours.run(platform, [ANN, BO], detecting) as outcomes:
        await outcomes.wait()
    assert (await ours.report()).results == {"MACHINE": 1, "BUSY": 1}


async def test_polling_knows_of_the_machine(tmp_path: Path) -> None:
    """The platform's answer to a question does not have it; the event that came before has."""
    ours = campaign(tmp_path, follow="poll", poll_interval=0.01)
    platform = Answering(ours, [MACHINE])

    class Calls:
        async def get(self, call_id: str) -> Call:
            return Call(call_id=call_id, status="FINAL", result="ANSWERED", reason="CALLERHANGUP")

    class Client:
        calls = Calls()
        callouts = type("Callouts", (), {"place": staticmethod(platform)})

    async with ours.run(Client(), [ANN], detecting) as outcomes:
        assert [each.result async for each in outcomes if each.state is ContactState.DONE] == ["MACHINE"]


async def test_what_is_said(tmp_path: Path) -> None:
    """Without a text for machines they are hung up on, and so are calls of another campaign."""
    ours = campaign(tmp_path)
    platform = Platform()
    async with ours.run(platform, [ANN], detecting) as run:
        while not platform.custom:
            await ours.report()
        for status, said in (("machine", svaml.Svaml(action=svaml.Hangup())), ("notsure", HELLO), (None, HELLO)):
            event = AnsweredCall(
                call_id="call-1",
                custom=platform.custom["call-1"],
                amd=None if status is None else AmdResult(status=status),
            )
            assert await ours.answer(event, human=HELLO) == said
        assert await ours.answer(AnsweredCall(call_id="other"), human=HELLO) == svaml.Svaml(action=svaml.Hangup())
        run.cancel()


async def test_on_the_sandbox(tmp_path: Path) -> None:
    """From the callout to the report over real connections: a machine hears its text, a person another."""
    app = WebhookApp("key", "c2VjcmV0")
    web = campaign(tmp_path)

    @app.ace
    async def answered(event: AnsweredCall) -> svaml.AceSvaml:
        return await web.answer(event, human=HELLO, machine=spoken)

    @app.dice
    async def over(event: DisconnectedCall) -> None:
        await web.settle(event)

    with serve_app(app) as url, Sandbox("key", "c2VjcmV0", speed=1000, callback_url=url).serve() as sandbox:
        sandbox.phone(ANN).is_machine()
        ours = campaign(tmp_path)
        async with (
            VoiceClient(**sandbox.client_options()) as client,
            ours.run(client, [ANN, BO], lambda each: callout_with_detection(each.number, callback_url=url)) as run,
        ):
            results = {each.number: each.result async for each in run}
    assert results == {ANN: "MACHINE", BO: "ANSWERED"}


@pytest.mark.parametrize(
    ("rules", "due"),
    [
        ({}, 1000.0),
        ({"delays": {"MACHINE": 60.0, "BUSY": 5.0}}, 160.0),
        ({"results": {"BUSY"}}, None),
        ({"attempts": 1}, None),
    ],
)
def test_each_result_has_its_delay(rules: dict[str, Any], due: float | None) -> None:
    """From the end of the call on."""
    given: dict[str, Any] = {"attempts": 2, "results": {"MACHINE", "BUSY"}, "delay": 900.0} | rules
    over = Outcome(
        contact=Contact(ANN), state=ContactState.DONE, attempt=1, result="MACHINE", reason="CANCEL", changed_at=100.0
    )
    assert RedialRules(**given).due_after(over) == due


@pytest.mark.parametrize("wrong", [{"results": {"ANSWERED"}}, {"delays": {"ANSWERED": 1.0}}, {"delays": {"BUSY": -1}}])
def test_what_is_no_rule(wrong: dict[str, Any]) -> None:
    """Other results are never dialled again, and a delay is in seconds."""
    with pytest.raises(ConfigurationError, match=r"results|delays"):
        RedialRules(**wrong)
