"""The public names: exported, documented, typed, and shaped as the documentation promises."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import sinch_voice_async
from sinch_voice_async import VoiceClient, dialer, errors, otel, sandbox, streams, svaml, testing, webhooks
from sinch_voice_async._wire.documents import ACTIONS, INSTRUCTIONS
from sinch_voice_async.dialer import cluster

MODULES: list[ModuleType] = [sinch_voice_async, svaml, webhooks, streams, dialer, cluster, sandbox, testing, otel]
REFERENCE = [*(Path(__file__).parent.parent / "docs" / "reference").glob("*.md")]

SIGNATURES: dict[str, str] = {
    "__init__": "application_key application_secret * region auth base_url configuration_url timeout retry limits "
    "max_text_length proxy verify transport http_client allow_insecure observer callout_max_idle max_answer_bytes",
    "with_options": "* timeout retry region",
    "request": "method path body * configuration",
    "aclose": "",
    "callouts.tts": "destination text * prompts cli locale dtmf domain custom enable_ace enable_dice enable_pie "
    "callback_headers",
    "callouts.conference": "destination conference_id * cli greeting locale dtmf max_duration domain custom moh_class "
    "conference_dtmf_options enable_ace enable_dice enable_pie callback_headers",
    "callouts.custom": "destination * cli dtmf max_duration custom ice ace pie dice "
    "enable_ace enable_dice pop callback_headers",
    "callouts.place": "callout * callback_headers",
    "calls.get": "call_id",
    "calls.update": "call_id svaml",
    "calls.update_leg": "call_id leg svaml",
    "calls.hang_up": "call_id",
    "calls.wait_until_final": "call_id * poll_interval timeout",
    "conferences.get": "conference_id",
    "conferences.mute": "conference_id call_id",
    "conferences.unmute": "conference_id call_id",
    "conferences.hold": "conference_id call_id moh",
    "conferences.resume": "conference_id call_id",
    "conferences.kick": "conference_id call_id",
    "conferences.kick_all": "conference_id",
    "numbers.list": "",
    "numbers.assign": "numbers * application_key capability",
    "numbers.unassign": "number * application_key capability",
    "numbers.query": "number",
    "callbacks.get": "application_key",
    "callbacks.update": "primary fallback * application_key",
    "recordings.list": "* start end page_size",
    "recordings.download": "key",
    "recordings.delete": "key",
    "recordings.archive": "directory * start end concurrency delete_after progress",
}


@pytest.mark.skipif(not REFERENCE, reason="the pages are in the repository")
def test_the_reference_has_every_public_name() -> None:
    """Nothing is exported that has no entry."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in REFERENCE)
    names = [(module.__name__, name) for module in MODULES for name in module.__all__ if not name.startswith("__")]
    assert [pair for pair in names if not re.search(rf"\b{pair[1]}\b", text)] == []


def _shape(function: Callable[..., Any]) -> str:
    words: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(parameter.name)
    return " ".join(words)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_the_contract(name: str) -> None:
    """Parameters have the promised names, in the promised order, with the star where it was promised."""
    target: Any = VoiceClient("key", "c2VjcmV0")
    for part in name.split("."):
        target = getattr(target, part)
    assert _shape(target) == SIGNATURES[name]
    assert inspect.getdoc(target)


def test_every_endpoint_has_a_signature() -> None:
    """A new method of the client has to be promised above."""
    client = VoiceClient("key", "c2VjcmV0")
    groups = {name: type(value) for name, value in vars(client).items() if not name.startswith("_")}
    methods = {f"{name}.{each}" for name, group in groups.items() for each in vars(group) if not each.startswith("_")}
    assert methods - set(SIGNATURES) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_there_sorted_and_documented(module: ModuleType) -> None:
    """A module exports what it lists, in order, and each class and function says what it does."""
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (value.__doc__ or "").strip(), name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_method_is_documented(module: ModuleType) -> None:
    """So does each public method and property of an exported class of ours."""
    for name in module.__all__:
        cls = getattr(module, name)
        if not inspect.isclass(cls) or not cls.__module__.startswith("sinch_voice_async"):
            continue
        for attribute, value in vars(cls).items():
            if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{attribute}"


def test_every_name_is_loaded_from_its_module() -> None:
    """The table of names is complete, names are listed before they are loaded, and another name is an error."""
    assert {*sinch_voice_async._MODULE_OF, "__version__"} == {*sinch_voice_async.__all__}
    assert {*sinch_voice_async.__all__} <= {*dir(sinch_voice_async)}
    with pytest.raises(AttributeError, match="no attribute 'canary'"):
        sinch_voice_async.canary  # type: ignore[attr-defined]  # noqa: B018 - that it is not there is the point


def test_every_error_is_exported() -> None:
    """The whole tree can be imported from the top."""
    tree = {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))}
    assert tree <= set(sinch_voice_async.__all__)


def test_every_step_that_the_codec_knows_is_exported() -> None:
    """A new instruction or action has to be in svaml, too."""
    assert {step.__name__ for step in (*INSTRUCTIONS.values(), *ACTIONS.values())} <= set(svaml.__all__)


def test_instructions_and_actions_are_exported() -> None:
    """Each word of SVAML is in svaml, by the name that the documentation uses."""
    names = (
        "PlayFiles Say SendDtmf SetCookie Answer StartRecording StopRecording ReportCallStatus UnknownInstruction "
        "Hangup Continue ConnectPstn ConnectMxp ConnectConference ConnectSip ConnectStream RunMenu Park UnknownAction "
        "Menu MenuOption return_ go_to tts ssml href prompts loads dumps Svaml IceSvaml AceSvaml PieSvaml "
        "ConferenceDtmfOptions Amd RecordingOptions TranscriptionOptions CallHeader"
    )
    assert set(names.split()) <= set(svaml.__all__)
