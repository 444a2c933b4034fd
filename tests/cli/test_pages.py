"""What the pages about the command line show is there: every command, every option, every exit code."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sinch_voice_async.cli.app import app
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.settings import Settings

# Outside of the tree there are no pages to compare with.
PAGES = {path.parent.name: path.read_text("utf-8") for path in Path(__file__).parents[2].glob("docs/*/command-line.md")}
SHOWN = re.findall(r"^\$ sinch-voice (.*?)(?: > \S+)?$", PAGES.get("how-to", ""), re.MULTILINE)


def _commands(group: click.Group, context: click.Context, words: tuple[str, ...] = ()) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, context, (*words, name))
        else:
            yield " ".join((*words, name))


@pytest.mark.skipif(not PAGES, reason="the pages are in the repository")
def test_the_reference_has_every_command_and_exit_code() -> None:
    """None is missing from the tables."""
    context = click.Context(app)
    missing = [name for name in _commands(app, context) if f"`{name}" not in PAGES["reference"]]
    missing += [option for each in app.params for option in each.opts[:1] if f"`{option}" not in PAGES["reference"]]
    assert missing == ["--version"]
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", PAGES["reference"], re.MULTILINE)]
    assert documented == [*ExitCode]


@pytest.mark.parametrize("line", SHOWN)
def test_what_is_shown_can_be_typed(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command with its arguments and options is understood."""
    monkeypatch.chdir(tmp_path)
    for name in ("body.json", "answer.json", "contacts.csv"):
        tmp_path.joinpath(name).touch()
    command: click.Command = app
    words, context = shlex.split(line), None
    while isinstance(command, click.Group):
        words = words if words[0] in command.list_commands(click.Context(command)) else ["run", *words]
        context = command.make_context(command.name, words[:1], parent=context, obj=Settings())
        found = command.get_command(context, words[0])
        assert found is not None
        command, words = found, words[1:]
    command.make_context(command.name, words, parent=context).close()
