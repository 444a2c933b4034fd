"""What is dialled is what was screened: the destination of a callout is a number of its contact."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import ConferenceCallout, CustomCallout, Destination, TtsCallout, svaml
from sinch_voice_async.dialer import Campaign, Contact, ContactState
from sinch_voice_async.dialer.attempt import make_callout
from tests.dialer.platforms import Platform

ANN = Contact("+46700000001", numbers=["+46700000002"])
OTHER = "+46700009999"


def ice(number: str | None) -> svaml.Svaml:
    """An answer to ICE that connects the call."""
    return svaml.Svaml(action=svaml.ConnectPstn(number))


RIGHT: list[Any] = [
    TtsCallout(destination="+46700000001", text="x"),
    TtsCallout(destination="46700000002", text="x"),
    ConferenceCallout(destination="+46700000001", conference_id="c"),
    CustomCallout(destination="+46700000001", ice="https://example.com/ice"),
    CustomCallout(ice=ice("+46700000001")),
    CustomCallout(ice=json.dumps({"Action": {"Name": "connectPstn", "number": "46700000001"}})),
    CustomCallout(ice=svaml.Svaml(action=svaml.ConnectPstn("+46700000001", destination="+46700000001"))),
    CustomCallout(ice=json.dumps({"action": {"name": "connectPstn", "destination": {"endpoint": "+46700000001"}}})),
    CustomCallout(ice=json.dumps({"action": {"name": "connectPstn", "number": "46700000001", "destination": None}})),
    {"destination": "+46700000001"},
]
WRONG: list[Any] = [
    TtsCallout(destination=OTHER, text="x"),
    ConferenceCallout(destination=OTHER, conference_id="c"),
    TtsCallout(destination=Destination.sip("ann@example.com"), text="x"),
    TtsCallout(destination=Destination.username("ann"), text="x"),
    TtsCallout(destination="+46700000001", text="x", extra={"Destination": {"endpoint": OTHER}}),
    CustomCallout(destination=OTHER),
    CustomCallout(ice=ice(OTHER)),
    CustomCallout(ice=ice(None)),
    CustomCallout(ice=svaml.Svaml(action=svaml.ConnectSip("sip:ann@example.com"))),
    CustomCallout(ice=svaml.Svaml(action=svaml.Hangup())),
    CustomCallout(ice=svaml.Svaml(action=svaml.ConnectPstn("+46700000001", destination=OTHER))),
    CustomCallout(ice=svaml.Svaml(action=svaml.ConnectPstn("+46700000001", extra={"Number": OTHER}))),
    CustomCallout(
        ice=svaml.Svaml(action=svaml.ConnectPstn("+46700000001"), extra={"Action": {"name": "hangup"}}),
    ),
    *(
        CustomCallout(
            destination="+46700000001",
            ice=json.dumps({"action": {"name": "connectPstn", "number": "+46700000001", "Destination": end}}),
        )
        for end in ({"EndPoint": OTHER}, {"type": "username", "endpoint": "+46700000001"}, OTHER, {}, [OTHER])
    ),
    CustomCallout(ice='{"action": '),
    CustomCallout(ice="https://example.com/ice"),
    CustomCallout(
        destination="+46700000001",
        ice=f'{{"action": {{"name": "connectPstn", "number": "{OTHER}"}}, "Action": {{"name": "hangup"}}}}',
    ),
    CustomCallout(
        destination="+46700000001",
        ice=f'{{"action": {{"name": "connectPstn", "Number": "{OTHER}", "number": "+46700000001"}}}}',
    ),
    CustomCallout(destination="+46700000001", ice=json.dumps({"action": {"name": "transfer", "number": OTHER}})),
    CustomCallout(),
    {"destination": {"type": "number", "endpoint": "+46700000001"}},
    object(),
    "+46700000001",
    None,
]


@pytest.mark.parametrize("callout", RIGHT)
def test_a_callout_to_the_contact(callout: Any) -> None:
    """Any of the numbers will do, with or without a plus."""
    assert make_callout(lambda contact: callout, ANN) == (callout, None)


@pytest.mark.parametrize("callout", WRONG)
def test_a_callout_to_somebody_else(callout: Any) -> None:
    """It is refused, and so is one of which nobody can say whom it dials; no number is shown."""
    made, problem = make_callout(lambda contact: callout, ANN)
    assert made is None
    assert problem
    assert "4670" not in problem


def test_a_coroutine_is_no_callout() -> None:
    """It is closed, and nobody is warned about it."""

    async def later(contact: Contact) -> None:
        """Do nothing."""

    assert make_callout(later, ANN) == (
        None,
        "no callout could be made: the function returned coroutine",
    )


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, RecursionError, StopIteration])
async def test_whatever_a_callout_function_raises(tmp_path: Path, error: type[BaseException]) -> None:
    """It costs one row; that of a cancelled future does not end the run in silence."""

    def broken(contact: Contact) -> TtsCallout:
        """Fail for one contact."""
        if contact.number == ANN.number:
            raise error
        return TtsCallout(destination=contact.number, text="x")

    platform = Platform()
    ours = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=float("inf"))
    async with ours.run(platform, [ANN, Contact(OTHER)], broken) as outcomes:
        await outcomes.wait()
    assert platform.rang == {OTHER: 1}
    assert (await ours.report()).states == {ContactState.ACCEPTED: 1, ContactState.SKIPPED: 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_callout_function(error: type[BaseException]) -> None:
    """It is the user's, and not a fault of the row."""

    def interrupted(contact: Contact) -> TtsCallout:
        """Do what Ctrl-C does."""
        raise error

    with pytest.raises(error):
        make_callout(interrupted, ANN)


async def test_one_callout_for_everybody(tmp_path: Path) -> None:
    """It rings one telephone, once; the others are skipped, and the report says why."""
    callout, platform = TtsCallout(destination="+46700000001", text="x"), Platform()
    ours = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=float("inf"))
    numbers = [f"+4670000000{last}" for last in range(1, 6)]
    async with ours.run(platform, numbers, lambda contact: callout) as outcomes:
        await outcomes.wait()
    assert platform.rang == {"+46700000001": 1}
    assert (await ours.report()).states == {ContactState.ACCEPTED: 1, ContactState.SKIPPED: 4}
