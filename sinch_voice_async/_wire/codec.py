"""The codec: every model that goes to the platform or comes from it, and the functions between it and bytes.

``encode(model)`` is compact UTF-8 JSON; ``decode(body, type)`` is the model, or ``DecodeError`` with the path to the
fault. The rules are those of :mod:`~sinch_voice_async._wire.engine`; here stands which models there are, and what no
rule spells. SVAML and events have modules of their own, loaded with what needs them.
"""

from sinch_voice_async._wire import names
from sinch_voice_async._wire.engine import decode, encode, encode_text, register_model
from sinch_voice_async._wire.locate import FAILURES
from sinch_voice_async.errors import InvalidRequestError
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

__all__ = ["decode", "encode", "encode_json"]


def encode_json(document: object) -> bytes:
    """Return the compact UTF-8 JSON of plain values; raise ``InvalidRequestError`` where JSON cannot say them."""
    try:
        return encode_text(document).encode()
    except FAILURES:
        raise InvalidRequestError("body holds what JSON cannot say", field="body") from None


register_model(TtsCallout, envelope="ttsCallout")
register_model(ConferenceCallout, irregular=names.MOH_CLASS, envelope="conferenceCallout")
register_model(CustomCallout, envelope="customCallout")
register_model(CalloutReceipt)
register_model(Call)
register_model(Conference)
register_model(Participant, irregular=names.PARTICIPANT)
register_model(ConferenceCommand)
register_model(ConferenceDtmfOptions)
register_model(ApplicationNumbers)
register_model(ApplicationNumber, irregular=names.APPLICATION_KEY)
register_model(AssignNumbers, irregular=names.APPLICATION_KEY)
register_model(UnassignNumber, irregular=names.APPLICATION_KEY)
register_model(NumberQuery, irregular=names.NUMBER_QUERY)
register_model(NumberInformation)
register_model(CallbackConfiguration)
register_model(CallbackUrls)
register_model(Recording)
register_model(Destination)
register_model(Price, needs="amount")
