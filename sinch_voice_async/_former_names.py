"""Names that a program has from another SDK of the vendor, and what replaces each: hints for ``AttributeError``.

Names of Node and Java differ in their spelling only: ``kickParticipant`` is looked up as ``kick_participant``.
Source: Python SDK, domains/voice.
"""

import re
from collections.abc import Container, Mapping
from typing import Final

__all__ = ["FORMER_NAMES", "missing"]

_CLIENT: Final = "use VoiceClient; application_key and application_secret, or the environment"
_ENDPOINTS: Final = "client.callouts, client.calls, client.conferences, client.numbers, client.callbacks"
_OTHER: Final = "this package is a client of the Voice API alone; use the vendor's SDK beside it"
_HINT: Final = "use webhooks.event_from_http(method, path, headers, body, credentials=…)"
FORMER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "sinch_voice_async": {
        **dict.fromkeys(("SinchClient", "SinchClientAsync", "SinchClientSync", "VoiceService"), _CLIENT),
        **dict.fromkeys(
            ("SinchException", "VoiceException"), "use SinchVoiceError; an answer of the API is an APIError"
        ),
        "ValidationException": "use InvalidRequestError",
        "VoiceWebhooks": "use sinch_voice_async.webhooks: WebhookApp, or event_from_http in a framework",
        "VoiceCallbackWebhooks": "use sinch_voice_async.webhooks: WebhookApp, or event_from_http in a framework",
        "VoiceRegion": "use Region",
    },
    "sinch_voice_async.svaml": {
        "ConnectConf": "use svaml.ConnectConference",
        "SvamlControl": "use svaml.Svaml",
    },
    "sinch_voice_async.webhooks": {
        **dict.fromkeys(("parse_event", "parse_json"), _HINT),
        "validate_authentication_header": "use webhooks.verify(method, path, headers, body, credentials=…)",
        **dict.fromkeys(("VoiceWebhooks", "VoiceCallbackWebhooks"), "use webhooks.WebhookApp, or event_from_http"),
    },
    "VoiceClient": {
        "voice": f"the client has the endpoints itself: {_ENDPOINTS}",
        "applications": "use client.numbers and client.callbacks",
        "configuration": "pass region=, base_url=, configuration_url=, timeout= and others to VoiceClient",
        "voice_region": "pass region= to VoiceClient",
        **dict.fromkeys(("sms", "verification", "conversation", "authentication", "number_lookup", "fax"), _OTHER),
        "close": "use `await client.aclose()`, or `async with VoiceClient() as client`",
    },
    "Callouts": {
        "text_to_speech": "use callouts.tts(destination, text)",
        "call": "use callouts.place(callout), or callouts.tts, conference and custom",
    },
    "Calls": {
        "manage_with_call_leg": "use calls.update_leg(call_id, leg, svaml)",
        "hangup": "use calls.hang_up(call_id)",
    },
    "Conferences": {
        "call": "use client.callouts.conference(destination, conference_id)",
        "kick_participant": "use conferences.kick(conference_id, call_id), in this order",
        "manage_participant": "use conferences.mute, unmute, hold or resume(conference_id, call_id), in this order",
    },
    "Numbers": {
        **dict.fromkeys(("get_numbers", "list_numbers"), "use numbers.list()"),
        "assign_numbers": "use numbers.assign(numbers)",
        "unassign_number": "use numbers.unassign(number)",
        "un_assign_number": "use numbers.unassign(number)",
        "query_number": "use numbers.query(number)",
    },
    "Callbacks": {
        **dict.fromkeys(("get_callback_urls", "get_callback_ur_ls"), "use callbacks.get()"),
        **dict.fromkeys(("update_callback_urls", "update_callback_ur_ls"), "use callbacks.update(primary, fallback)"),
    },
}
"""Module or class -> name in another SDK -> what replaces it."""
_SUFFIXES: Final = ("Action", "Instruction", "Event", "Request")


def missing(owner: str, name: str, names: Container[str]) -> str:
    """Return what to add to the message that ``owner`` has no ``name``, empty without a hint; ``names`` are those that
    it has.
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    known = FORMER_NAMES.get(owner, {})
    if hint := known.get(name) or known.get(snake):
        return f": {hint}"
    short = next((name.removesuffix(each) for each in _SUFFIXES if name.endswith(each)), name)
    short = re.sub("Conf$", "Conference", re.sub("^Svaml(Action|Instruction)", "", short))
    for each in (snake, short):
        if each and each != name and each in names:
            return f": use {each}"
    return ""
