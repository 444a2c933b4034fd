"""The models of the REST endpoints: each is registered with the codec, with the spellings that no rule gives.

SVAML and events are registered by ``documents``, since loading them takes longer than all of this.
"""

from sinch_voice_async._wire import registry
from sinch_voice_async._wire.codec import decode, encode, encode_json, register_model
from sinch_voice_async.models.callouts import CalloutReceipt, ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import (
    Call,
    Conference,
    ConferenceCommand,
    ConferenceDtmfOptions,
    Participant,
    Price,
)
from sinch_voice_async.models.configuration import (
    ApplicationNumber,
    ApplicationNumbers,
    AssignNumbers,
    CallbackConfiguration,
    CallbackUrls,
    NumberInformation,
    NumberQuery,
    UnassignNumber,
)
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.recordings import Recording

__all__ = ["decode", "encode", "encode_json"]


register_model(TtsCallout, envelope="ttsCallout")
register_model(ConferenceCallout, irregular=registry.MOH_CLASS, envelope="conferenceCallout")
register_model(CustomCallout, envelope="customCallout")
register_model(CalloutReceipt)
register_model(Call)
register_model(Conference)
register_model(Participant, irregular=registry.PARTICIPANT)
register_model(ConferenceCommand)
register_model(ConferenceDtmfOptions)
register_model(ApplicationNumbers)
register_model(ApplicationNumber, irregular=registry.APPLICATION_KEY)
register_model(AssignNumbers, irregular=registry.APPLICATION_KEY)
register_model(UnassignNumber, irregular=registry.APPLICATION_KEY)
register_model(NumberQuery, irregular=registry.NUMBER_QUERY)
register_model(NumberInformation)
register_model(CallbackConfiguration)
register_model(CallbackUrls)
register_model(Recording)
register_model(Destination)
register_model(Price, needs="amount")
