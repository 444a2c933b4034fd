"""What the documents show is true: every block of Python in the README and in ``docs/`` runs against a served sandbox.

A block is a program, which runs as it is pasted: in a Python of its own, in one folder for the page. A block that
begins with the comment ``# Fragment`` is completed here: the fragments of a page run as one program on either event
loop, with the names of the blocks above them, and ``client`` and ``sandbox``; they may ``await``.
A block with a caption is a file; files named ``test_*.py`` are run by pytest.
"""

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
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
    """One block of Python, and its place."""

    document: Path
    line: int
    caption: str | None
    code: str

    @property
    def is_fragment(self) -> bool:
        """Whether it says that it is no whole program."""
        return self.code.startswith("# Fragment")


def blocks(document: Path) -> Iterator[Block]:
    """Yield the blocks of one document, in order."""
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code"))
        yield Block(document, line, found["caption"], found["code"])


def _chosen(wanted: Callable[[Block], bool]) -> dict[str, list[Block]]:
    """Return the blocks of one kind by page."""
    pages = {str(document.relative_to(ROOT)): [*filter(wanted, blocks(document))] for document in DOCUMENTS}
    return {page: found for page, found in pages.items() if found}


PROGRAMS = _chosen(lambda block: block.caption is None and not block.is_fragment)
FRAGMENTS = _chosen(lambda block: block.is_fragment)
UNNAMED = _chosen(lambda block: block.caption is None)
FILES = _chosen(lambda block: block.caption is not None)


@pytest.fixture
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Sandbox) -> None:
    """The environment of a reader who has pasted the lines of the sandbox, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    options = sandbox.client_options()
    monkeypatch.setenv("SINCH_APPLICATION_KEY", options["application_key"])
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", options["application_secret"])
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", options["base_url"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in which calls are over at once, except those to one number that stays on the line."""
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
        # A program cannot start an event loop inside of this one.
        await anyio.to_thread.run_sync(exec, code, names)


def _run_alone(block: Block, folder: Path) -> None:
    """Run one program in a Python of its own, from a file in the folder of its page."""
    file = folder / "program.py"
    file.write_text("\n" * block.line + block.code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(file)]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, f"{block.document}:{block.line}\n{ran.stdout}{ran.stderr}"


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("document", PROGRAMS)
def test_programs_run(document: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each program of a page runs as it is pasted, one after the other, in one folder."""
    _offer_database(document, request)
    for block in PROGRAMS[document]:
        _run_alone(block, tmp_path)


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("document", FRAGMENTS)
async def test_fragments_run(document: str, sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    """The fragments of a page run with what stands above them, on asyncio and on trio."""
    _offer_database(document, request)
    last = FRAGMENTS[document][-1]
    with anyio.fail_after(300):
        async with VoiceClient() as client:
            names: dict[str, Any] = {"__name__": "page", "client": client, "sandbox": sandbox}
            for block in UNNAMED[document]:
                if block.line <= last.line:
                    await run(block, names)


def _offer_database(document: str, request: pytest.FixtureRequest) -> None:
    """Give a page that speaks of a database one of its own."""
    if any("DATABASE_URL" in block.code for block in UNNAMED[document]):
        url = request.getfixturevalue("postgres").database()
        request.getfixturevalue("monkeypatch").setenv("DATABASE_URL", url)


@pytest.mark.parametrize("document", FILES)
def test_files_run(document: str, tmp_path: Path) -> None:
    """The tests that a page shows pass, beside the modules that it shows."""
    for block in FILES[document]:
        (tmp_path / str(block.caption)).write_text(block.code, encoding="utf-8")
    plugins = ["-p", "anyio.pytest_plugin", "-p", "respx.plugin", "-p", "sinch_voice_async.testing.pytest_plugin"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *plugins, "."]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_document_is_read() -> None:
    """Every fence with Python in it is found by the tests above."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        fences = re.findall(r"^\s*`{3,}\s*(?:python|py|\{code-block\}\s*python)", text, re.MULTILINE)
        assert len(fences) == len(list(blocks(document))), document


def test_every_guide_begins_with_a_sentence() -> None:
    """It says what the page is for: to a reader, and in ``llms.txt``, which quotes it."""
    for folder in ("how-to", "explanation"):
        for document in (ROOT / "docs" / folder).glob("*.md"):
            title, first, *_ = document.read_text(encoding="utf-8").split("\n\n")
            assert re.fullmatch(r"# .+", title), document
            assert re.match(r"(?!```)[A-Z`*\[].*\.", first, re.DOTALL), document


def test_every_hint_of_the_migration_table_is_true() -> None:
    """Each method that the tables name beside one of another SDK exists here."""
    text = (ROOT / "docs" / "how-to" / "migrating.md").read_text(encoding="utf-8")
    client = VoiceClient("my-key", "bXkgc2VjcmV0")
    rows = [row.strip("|").split("|") for row in re.findall(r"^\|.+\|$", text, re.MULTILINE)]
    named = [
        found
        for *_, here in rows
        for found in re.findall(r"\b(callouts|calls|conferences|numbers|callbacks)\.([a-z_]+)", here)
    ]
    assert len(named) > 30
    for endpoint, method in named:
        assert callable(getattr(getattr(client, endpoint), method)), (endpoint, method)


def test_the_table_of_errors_is_whole() -> None:
    """Each exception has a row, except the base class, which the page begins with."""
    for table in (document for document in DOCUMENTS if document.match("reference/errors.md")):
        rows = re.findall(r"^\| `(\w+)` \|", table.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted([*rows, "SinchVoiceError"]) == sorted(name for name in errors.__all__ if name.endswith("Error"))


def test_the_table_of_extras_is_whole() -> None:
    """Each extra of the package has a row, and no other has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(project["optional-dependencies"])


def test_every_promise_of_security_has_its_test() -> None:
    """Each test that SECURITY.md names is in the file that it links to, and no rule is without one."""
    for security in (document for document in DOCUMENTS if document.name == "SECURITY.md"):
        rows = re.findall(r"^\| .* \|$", security.read_text(encoding="utf-8").partition("| risk |")[2], re.MULTILINE)
        for row in rows:
            held_by = re.findall(r"\[`(test_\w+)`\]\((tests/\S+)\)", row)
            assert held_by, row
            for name, file in held_by:
                assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), (name, file)
