"""What all tests of callbacks have: time."""

import pytest

from sinch_voice_async.webhooks import EventRouter, WebhookApp


@pytest.fixture(autouse=True)
def _time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give handlers minutes where a test gives no limit: on a busy machine a thread may wait for seconds."""
    for kind in (WebhookApp, EventRouter):
        defaults = kind.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "handler_timeout", 300.0)
