"""For the tests of applications: callbacks signed as the platform signs them, an application that is served for the
sandbox to call it back, a caller for voice agents on a virtual clock, and fixtures for pytest.

The plugin, ``sinch_voice_async.testing.pytest_plugin``, is loaded in every run of pytest if this package is
installed, and loads this module with it: nothing here is imported before it is asked for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinch_voice_async.testing.callbacks import serve_app, signed_callback
    from sinch_voice_async.testing.streams import StreamPeer, stream_peer

__all__ = ["StreamPeer", "serve_app", "signed_callback", "stream_peer"]

_HOMES = {
    "StreamPeer": "streams",
    "serve_app": "callbacks",
    "signed_callback": "callbacks",
    "stream_peer": "streams",
}

if not TYPE_CHECKING:  # else a misspelt name would pass as anything

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
