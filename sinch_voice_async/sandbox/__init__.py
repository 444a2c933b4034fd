"""A local stand-in for the platform: real HTTP, simulated telephones, and no line of code shared with the client.

Everything here is written from the platform's documents alone, so that the client and this witness cannot agree on a
mistake. The extra ``sinch-voice-async[sandbox]`` brings what it runs on.
"""

import importlib.util

# Asked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("starlette") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "the sandbox runs on Starlette and uvicorn: pip install 'sinch-voice-async[sandbox]'", name="starlette"
    )

from sinch_voice_async.sandbox.account import Account, CallbackUrls
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Entry, Heard
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People, Person, Phone, Population
from sinch_voice_async.sandbox.faults import Fault, Faults
from sinch_voice_async.sandbox.sandbox import ClientOptions, Sandbox
from sinch_voice_async.sandbox.server import Serving
from sinch_voice_async.sandbox.storage.recordings import Recording, Recordings

__all__ = [
    "Account",
    "Call",
    "CallbackUrls",
    "Calls",
    "ClientOptions",
    "Clock",
    "Entry",
    "Exchange",
    "Fault",
    "Faults",
    "Heard",
    "People",
    "Person",
    "Phone",
    "Population",
    "Recording",
    "Recordings",
    "Sandbox",
    "Serving",
]
