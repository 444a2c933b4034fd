"""For the tests of applications: callbacks signed as the platform signs them, an application that is served for the
sandbox to call it back, and fixtures for pytest.

The plugin, ``sinch_voice_async.testing.pytest_plugin``, is loaded in every run of pytest where this package is
installed, and loads this module with it: nothing here is imported before it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinch_voice_async.testing.callbacks import signed_callback
    from sinch_voice_async.testing.serving import serve_app

__all__ = ["serve_app", "signed_callback"]

if not TYPE_CHECKING:  # else a misspelt name would pass as anything

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from sinch_voice_async.testing import callbacks, serving  # noqa: PLC0415 - see above

        return getattr(callbacks if name == "signed_callback" else serving, name)
