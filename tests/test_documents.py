"""What the documents show is true: every block of Python in the README and in ``docs/`` runs against a served sandbox.

A page is read from top to bottom, as one program on either event loop: blocks share their names, ``await`` is allowed
outside of functions, and ``client`` and ``sandbox`` are there. Blocks with a caption are files instead; those named
``test_*.py`` are run by pytest.
"""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from attrs import frozen

from sinch_voice_async import VoiceClient, errors
from sinch_voice_async.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?:python|\{code-block\} python)\n(?::caption: (?P<caption>\S+)\n\n?)?(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@frozen
class Block:
    """One block of Python, and what says where it stands."""

    document: Path
    line: int
    caption: str | None
    code: str


def blocks(document: Path) -> Iterator[Block]:
    """Yield the blocks of one document, in order."""
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code"))
        yield Block(document, line, found["caption"], found["code"])


PROGRAMS = {
    str(document.relative_to(ROOT)): found
    for document in DOCUMENTS
    if (found := [block for block in blocks(document) if block.caption is None])
}
FILES = {
    str(document.relative_to(ROOT)): found
    for document in DOCUMENTS
    if (found := [block for block in blocks(document) if block.caption is not None])
}


@pytest.fixture
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Sandbox) -> None:
    """The environment of a reader who has pasted the sandbox's lines, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    options = sandbox.client_options()
    monkeypatch.setenv("SINCH_APPLICATION_KEY", options["application_key"])
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", options["application_secret"])
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", options["base_url"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in which calls are over at once, save those to the number that stays on the line."""
    sandbox = Sandbox(speed=100_000)
    sandbox.phone("+46700000009").hangs_up(after=None)
    sandbox.add_recording("board-meeting.wav")
    with sandbox.serve():
        yield sandbox


async def run(block: Block, names: dict[str, Any]) -> None:
    """Run one block, with tracebacks that point into the document."""
    source = "\n" * block.line + block.code
    code = compile(source, str(block.document), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        await eval(code, names)
    else:
        # A program that starts an event loop of its own cannot do so inside of this one.
        await anyio.to_thread.run_sync(exec, code, names)


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("document", PROGRAMS)
async def test_blocks_run(
    document: str, sandbox: Sandbox, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything on a page works as it stands, on asyncio and on trio; with a database, where it speaks of one."""
    if any("DATABASE_URL" in block.code for block in PROGRAMS[document]):
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres").database())
    with anyio.fail_after(60):
        async with VoiceClient() as client:
            names: dict[str, Any] = {"__name__": "__main__", "client": client, "sandbox": sandbox}
            for block in PROGRAMS[document]:
                await run(block, names)


@pytest.mark.parametrize("document", FILES)
def test_files_run(document: str, tmp_path: Path) -> None:
    """The tests that a page shows pass, beside the modules that it shows."""
    for block in FILES[document]:
        (tmp_path / str(block.caption)).write_text(block.code, encoding="utf-8")
    plugins = ["-p", "anyio.pytest_plugin", "-p", "respx.plugin", "-p", "sinch_voice_async.testing.pytest_plugin"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *plugins, "."]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_document_is_read() -> None:
    """No fence with Python in it is written in a way that the tests above would pass over."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fences = re.findall(r"^\s*`{3,}\s*(?:python|py|\{code-block\}\s*python)", text, re.MULTILINE)
        assert len(fences) == len(list(blocks(document))), document


def test_the_table_of_errors_is_whole() -> None:
    """Each exception has a row, but for the base of all, which the page begins with."""
    for table in (document for document in DOCUMENTS if document.match("reference/errors.md")):
        rows = re.findall(r"^\| `(\w+)` \|", table.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted([*rows, "SinchVoiceError"]) == sorted(name for name in errors.__all__ if name.endswith("Error"))


def test_every_promise_of_security_has_its_test() -> None:
    """Each test that SECURITY.md names is in the file that it links to, and no rule is without one."""
    for security in (document for document in DOCUMENTS if document.name == "SECURITY.md"):
        rows = re.findall(r"^\| .* \|$", security.read_text(encoding="utf-8").partition("| risk |")[2], re.MULTILINE)
        for row in rows:
            held_by = re.findall(r"\[`(test_\w+)`\]\((tests/\S+)\)", row)
            assert held_by, row
            for name, file in held_by:
                assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), (name, file)
