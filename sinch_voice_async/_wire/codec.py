"""The codec: every model that goes to the platform or comes from it, and the three functions that turn them into bytes and back.

``encode(model)`` is compact UTF-8 JSON; ``decode(body, type)`` is the model, or ``DecodeError`` with the path to the fault. The
rules are those of :mod:`~sinch_voice_async._wire.engine`; here stands which models there are, and what no rule spells.
"""

from sinch_voice_async._wire import names
from sinch_voice_async._wire.engine import decode, encode, register_model
from sinch_voice_async.models.callbacks import CallbackConfiguration, CallbackUrls
from sinch_voice_async.models.callouts import CalloutReceipt, ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import Call
from sinch_voice_async.models.conferences import Conference, ConferenceCommand, ConferenceDtmfOptions, Participant
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.money import Price
from sinch_voice_async.models.numbers import (
    ApplicationNumber,
    ApplicationNumbers,
    AssignNumbers,
    NumberInformation,
    NumberQuery,
    UnassignNumber,
)
from sinch_voice_async.models.recordings import Recording

__all__ = ["decode", "encode"]

register_model(TtsCallout, envelope="ttsCallout")
register_model(ConferenceCallout, irregular=names.MOH_CLASS, envelope="conferenceCallout")
register_model(CustomCallout, envelope="customCallout")
register_model(Participant, irregular=names.PARTICIPANT)
register_model(NumberQuery, irregular=names.NUMBER_QUERY)
for _model in (ApplicationNumber, AssignNumbers, UnassignNumber):
    register_model(_model, irregular=names.APPLICATION_KEY)
for _model in (
    ApplicationNumbers,
    Call,
    CallbackConfiguration,
    CallbackUrls,
    CalloutReceipt,
    Conference,
    ConferenceCommand,
    ConferenceDtmfOptions,
    Destination,
    NumberInformation,
    Price,
    Recording,
):
    register_model(_model)
