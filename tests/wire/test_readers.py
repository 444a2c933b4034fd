"""Generated readers: the quick way and the tidied way read the same model."""

import json
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async._wire import documents, registry
from sinch_voice_async._wire.codec import decode
from sinch_voice_async.errors import DecodeError
from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import Event, IncomingCall
from tests.wire.model_strategies import JSON, UNKNOWN

assert documents  # it registers the events
EVENTS = sorted(registry.unions[Event].table.items())
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    "timestamp": st.just("2022-03-21T13:13:59Z"),
    "version": st.integers(0, 9),
    "duration": st.integers(0, 9),
    "errorCode": st.integers(0, 9),
    "to": st.fixed_dictionaries({"endpoint": st.text(max_size=5)}, optional={"type": st.sampled_from(["did", "DID"])}),
    "userRate": st.fixed_dictionaries({}, optional={"amount": st.sampled_from([1, 0.5, "0.25"])}),
    "debit": st.fixed_dictionaries({}, optional={"amount": st.just(1), "currencyId": st.just("USD")}),
}


@pytest.mark.parametrize(("name", "cls"), EVENTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_spelling_reads_the_same_event(name: str, cls: type, data: st.DataObject) -> None:
    """A document, the same with nulls, and the same in another casing give one event; unknown fields are kept."""
    plan = registry.plan_of(cls)
    others = [wire for wire in plan.types if wire not in ("callid", "cookies", "callHeaders", "menuResult", "amd")]
    optional = {wire: VALUES.get(wire, st.text(max_size=5)) for wire in others}
    document = data.draw(st.fixed_dictionaries({"event": st.just(name), "callid": st.text()}, optional=optional))
    event: Any = decode(json.dumps(document).encode(), cls)
    nulls = dict.fromkeys(plan.types) | document
    assert decode(json.dumps(nulls).encode(), cls) == event
    shouted = {key.upper(): value for key, value in document.items()}
    assert decode(json.dumps(shouted).encode(), cls) == event
    unknown = data.draw(UNKNOWN)
    more: Any = decode(json.dumps(document | unknown).encode(), cls)
    assert attrs.evolve(more, extra=event.extra) == event
    assert more.extra.keys() == unknown.keys() | event.extra.keys()


@settings(max_examples=50, deadline=None)
@given(value=JSON.filter(lambda value: not isinstance(value, dict)))
def test_only_an_object_is_an_event(value: object) -> None:
    """A text, a number, a list or null is refused."""
    with pytest.raises(DecodeError):
        decode(json.dumps(value).encode(), IncomingCall)


def test_the_model_is_like_one_that_is_constructed() -> None:
    """A model that is made without its constructor is equal, hashes alike and is shown alike."""
    body = (
        b'{"callid":"1","event":"ice","to":{"type":"did","endpoint":"2"},"userRate":{"currencyId":"USD","amount":0.3}}'
    )
    event = decode(body, IncomingCall)
    made = IncomingCall(
        call_id="1", to=Destination(type="did", endpoint="2"), user_rate=Price(currency_id="USD", amount=Decimal("0.3"))
    )
    assert (made, repr(made)) == (event, repr(event))
    assert isinstance(event.extra, dict)
    assert event.extra == {}
