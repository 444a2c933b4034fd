"""What the REST models have in common: frozen, keyword-only, comparable, and quiet in logs."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import attrs
import pytest

from sinch_voice_async.models.callouts import ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import Call, Conference, Participant, Price
from sinch_voice_async.models.configuration import ApplicationNumber, AssignNumbers, NumberInformation, UnassignNumber
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.svaml.document import Svaml
from sinch_voice_async.models.svaml.instructions import Say

NUMBER = "+46701234567"
CANARY = "canary"
MODELS: list[Any] = [
    TtsCallout(destination=NUMBER, cli=NUMBER, text=CANARY, prompts=CANARY, dtmf="701234567", custom=CANARY),
    ConferenceCallout(destination=Destination.sip(f"{NUMBER}@example.com"), conference_id="room", greeting=CANARY),
    CustomCallout(ice=Svaml(instructions=[Say(CANARY)]), ace=f'{{"x": "{CANARY}"}}', custom=CANARY),
    Call(call_id="id", to=Destination.number(NUMBER), custom={"a": CANARY}, debit=Price(amount=Decimal(1))),
    Call(call_id="id", from_=Destination.username("bo"), custom=CANARY, extra={"from": NUMBER}),
    Conference(participants=(Participant(call_id="id", cli=NUMBER),)),
    ApplicationNumber(number=NUMBER),
    NumberInformation(normalized_number=NUMBER),
    AssignNumbers(numbers=[NUMBER]),
    UnassignNumber(number=NUMBER),
]
IDS = [f"{type(model).__name__}-{index}" for index, model in enumerate(MODELS)]


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_repr_is_quiet(model: object) -> None:
    """No text that is spoken and no whole number is in a repr, which ends in logs; its last two digits are."""
    assert CANARY not in repr(model)
    assert "701234567" not in repr(model)
    assert repr(model).startswith(type(model).__name__)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_model_travels(model: object) -> None:
    """Models pickle, copy and hash, since dialers hand them from process to process and keep them in sets."""
    assert pickle.loads(pickle.dumps(model)) == model
    assert copy.deepcopy(model) == model
    assert len({model, copy.copy(model)}) == 1


def test_a_model_is_frozen() -> None:
    """What was checked once stays as it was."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        MODELS[0].text = "other"


def test_a_model_takes_keywords_only() -> None:
    """A number is never mistaken for a text because of its place."""
    with pytest.raises(TypeError):
        TtsCallout(NUMBER, CANARY)  # type: ignore[call-arg]  # the case


def test_a_changed_copy_is_checked() -> None:
    """evolve() gives a checked model from a checked model, with its destination as it was."""
    changed = attrs.evolve(MODELS[0], text="other")
    assert (changed.text, changed.destination) == ("other", Destination.number(NUMBER))


@pytest.mark.parametrize(("status", "final"), [("FINAL", True), ("ONGOING", False), ("PAUSED", False), (None, False)])
def test_whether_a_call_has_ended(status: str | None, final: bool) -> None:
    """Only FINAL is final: a status that nobody knew is not."""
    assert Call(call_id="id", status=status).is_final is final
