"""The environment of a program that uses a served sandbox."""

import pytest

from sinch_voice_async.sandbox import Sandbox


def use_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables from which a client without arguments takes its account and its server."""
    options = sandbox.client_options()
    monkeypatch.setenv("SINCH_APPLICATION_KEY", options["application_key"])
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", options["application_secret"])
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", options["base_url"])
