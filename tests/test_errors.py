"""The error tree: its shape, and that each error travels whole."""

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import errors
from sinch_voice_async._wire.answers import Headers

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.SinchVoiceError) and cls.__module__ == errors.__name__
]

FILLED: dict[type[errors.SinchVoiceError], dict[str, Any]] = {
    errors.InvalidRequestError: {"field": "destination"},
    errors.TransportError: {"request_sent": True, "outcome": "unknown"},
    errors.RequestTimeoutError: {"phase": "connect", "request_sent": False, "outcome": "unsent"},
    errors.DecodeError: {"path": "$.participants[2].duration", "status": 200},
    errors.DownloadError: {"bytes_written": 7, "part_path": Path("x.part")},
    errors.RateLimitedError: {"status": 429, "code": 42900, "retry_after": 2.5},
    errors.ServerError: {"status": 500, "message": "m", "reference": "r", "headers": Headers([(b"date", b"now")])},
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "travel",
    [copy.copy, copy.deepcopy, *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(2, 6))],
)
def test_an_error_travels_whole(cls: type[errors.SinchVoiceError], travel: Any) -> None:
    """Dialers run in process pools and task queues: class, text, fields and notes arrive as they left."""
    error = cls("what went wrong", **FILLED.get(cls, {}), attempts=2)
    error.add_note("a note")
    arrived = travel(error)
    assert type(arrived) is cls
    assert str(arrived) == "what went wrong"
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_says_what_became_of_the_request(cls: type[errors.SinchVoiceError]) -> None:
    """Outcome and attempts are on each error, and can be told without arguments."""
    error = cls()
    assert error.outcome in ("unsent", "rejected", "accepted", "unknown")
    assert error.attempts == 0
    assert error.outcome_unknown == (error.outcome == "unknown")


def test_misuse_is_a_value_error_too() -> None:
    """Who validates input catches ValueError."""
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.InvalidRequestError, ValueError)


def test_the_drawing_is_complete() -> None:
    """Every exception stands in the tree at the head of the module, and is exported."""
    for cls in CLASSES:
        assert cls.__name__ in (errors.__doc__ or "")
        assert cls.__name__ in errors.__all__
        assert inspect.getdoc(cls)
