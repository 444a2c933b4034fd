"""``sinch-voice svaml check``: each fault by its path, and where a document may go."""

import json
from pathlib import Path

import pytest

from .conftest import Command, Stdin

GOOD = {
    "instructions": [{"name": "say", "text": "Hi", "locale": "en-GB"}, {"name": "playFiles", "ids": ["#tts[Hi]"]}],
    "action": {"name": "hangup"},
}
MENU = '{"action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": "x", "action": "return(1)"}]}]}}'


def test_a_good_document_is_good(command: Command, tmp_path: Path) -> None:
    """It says for which events; --for asks about one."""
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(GOOD))
    assert command("svaml", "check", str(file)).out == "ok, for ice, ace, pie, call\n"
    assert command("svaml", "check", str(file), "--for", "ace").out == "ok, for ace\n"
    ran = command("svaml", "check", str(file), "--for", "dice", "--json")
    assert (ran.code, ran.document["places"]) == (1, [])
    assert ran.document["faults"][0]["path"] == "$.instructions[0]"


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        ("{", "$", "not JSON"),
        ("[]", "$", "an object is expected"),
        ('{"instructions": [{"name": "say"}]}', "$.instructions[0].text", "missing"),
        ('{"instructions": [{"name": "sendDtmf", "value": "abc"}]}', "$.instructions[0].value", "tones"),
        ('{"instructions": [{"name": "sayy", "text": "x"}]}', "$.instructions[0]", "unknown instruction 'sayy'"),
        ('{"action": {"name": "hangupp"}}', "$.action", "unknown action 'hangupp'"),
        ('{"action": {"name": "hangup", "colour": 1}}', "$.action.colour", "unknown field"),
        ('{"action": {"name": "park", "maxDuration": 9999}}', "$.action.maxDuration", "0 to 600 seconds"),
        ('{"action": {"name": "connectPstn", "amd": {"enabled": true, "x": 1}}}', "$.action.amd.x", "unknown field"),
        (
            MENU,
            "$.action.menus[0].options[0].dtmf",
            "press",
        ),
    ],
)
def test_each_fault_is_at_its_path(command: Command, stdin: Stdin, document: str, path: str, problem: str) -> None:
    """Exit code 1, from stdin too, and one line for one fault."""
    stdin(document)
    ran = command("svaml", "check", "-")
    assert ran.code == 1
    assert ran.out.startswith(f"{path}: "), ran.out
    assert problem in ran.out
    assert ran.out.count("\n") == 1


def test_what_is_newer_than_this_library_can_be_allowed(command: Command, stdin: Stdin) -> None:
    """The platform may know it."""
    stdin('{"instructions": [{"name": "sing", "song": "x"}], "action": {"name": "hangup", "colour": 1}}')
    assert command("svaml", "check", "-", "--allow-unknown").code == 0


def test_a_file_that_is_not_there_is_wrong_usage(command: Command) -> None:
    """Exit code 2: nothing was checked."""
    ran = command("svaml", "check", "nowhere.json")
    assert (ran.code, "nowhere.json" in ran.err) == (2, True)
