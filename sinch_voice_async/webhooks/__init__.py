"""Webhooks: a signed HTTP request of the platform -> your handler -> SVAML.

``WebhookApp`` is an ASGI application of its own; ``event_from_http`` and ``EventRouter`` do the same inside any other
framework; with ``CallTracker`` the code that places a callout waits for its events.
"""

from typing import TYPE_CHECKING

from sinch_voice_async._former_names import missing
from sinch_voice_async.models.events import (
    AnsweredCall,
    DisconnectedCall,
    Event,
    IncomingCall,
    Notification,
    PromptInput,
)
from sinch_voice_async.webhooks.app import WebhookApp
from sinch_voice_async.webhooks.inbound import event_from_http, verify
from sinch_voice_async.webhooks.replay import AsyncReplayCache, MemoryReplayCache, ReplayCache
from sinch_voice_async.webhooks.router import EventRouter
from sinch_voice_async.webhooks.tracker import CallTracker, FollowedCall

__all__ = [
    "AnsweredCall",
    "AsyncReplayCache",
    "CallTracker",
    "DisconnectedCall",
    "Event",
    "EventRouter",
    "FollowedCall",
    "IncomingCall",
    "MemoryReplayCache",
    "Notification",
    "PromptInput",
    "ReplayCache",
    "WebhookApp",
    "event_from_http",
    "verify",
]

if not TYPE_CHECKING:  # type checkers would accept every name

    def __getattr__(name: str) -> object:
        hint = missing(__name__, name, __all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
