"""A local stand-in for the platform: real HTTP and simulated telephones. It shares no code with the client.

It is written from the platform's documents alone, so that the client and the sandbox cannot agree on a mistake. It
needs the extra ``sinch-voice-async[sandbox]``.
"""

import importlib.util
import sys

# This comes before the imports of these packages, so that one sentence names the extra.
if any(
    importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")
):  # pragma: no cover  # tested in a process of its own
    message = "the sandbox needs more packages: pip install 'sinch-voice-async[sandbox]'"
    # "python -m sinch_voice_async.sandbox" imports this first, and would show a traceback.
    raise SystemExit(message) if sys.argv[:1] == ["-m"] else ModuleNotFoundError(message, name="starlette")

from sinch_voice_async.sandbox.account import Account, CallbackUrls
from sinch_voice_async.sandbox.app import ClientOptions, Sandbox
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Entry, Heard
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People, Person, Phone, Population
from sinch_voice_async.sandbox.exchange.recordings import Recording, Recordings
from sinch_voice_async.sandbox.exchange.sounds import Espeak, HangUp, Interrupt, Tone, Wait, Wav
from sinch_voice_async.sandbox.exchange.streams import Stream, StreamRules, Streams
from sinch_voice_async.sandbox.faults import Fault, Faults
from sinch_voice_async.sandbox.server import Serving

__all__ = [
    "Account",
    "Call",
    "CallbackUrls",
    "Calls",
    "ClientOptions",
    "Clock",
    "Entry",
    "Espeak",
    "Exchange",
    "Fault",
    "Faults",
    "HangUp",
    "Heard",
    "Interrupt",
    "People",
    "Person",
    "Phone",
    "Population",
    "Recording",
    "Recordings",
    "Sandbox",
    "Serving",
    "Stream",
    "StreamRules",
    "Streams",
    "Tone",
    "Wait",
    "Wav",
]
