"""What every command is told: by options before and behind it, by the environment, the keyring, and on a terminal."""

import contextlib
import os
import pty
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

import sinch_voice_async
from sinch_voice_async import __main__ as program
from sinch_voice_async.cli import main
from sinch_voice_async.cli.app import app
from sinch_voice_async.cli.commands.dial_journal import checked_journal
from sinch_voice_async.cli.settings import KEYRING_SERVICE, PathType, path_problem
from sinch_voice_async.sandbox import Sandbox

from .conftest import KEY, SECRET, Command, Terminal

PROGRAM = [sys.executable, "-W", "error", "-m", "sinch_voice_async"]


class TestOptions:
    """The options that every command has."""

    def test_they_stand_before_and_behind_the_command(self, command: Command, sandbox: Sandbox) -> None:
        """What is said last counts; what is not said undoes nothing."""
        assert command("--json", "numbers", "list").document == []
        ran = command("--base-url", "http://127.0.0.1:9", "numbers", "list", "--base-url", sandbox.url, "--json")
        assert ran.document == []

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (("--region", "a.b"), "not one of global, euc1"),
            (("--base-url", "http://example.com"), "use https, or pass --allow-insecure"),
            (("--base-url", "nonsense"), "--base-url (or SINCH_VOICE_BASE_URL)"),
            (("--timeout", "0"), "timeout"),
            (("--proxy", "::"), "proxy must be a URL"),
        ],
    )
    def test_a_wrong_one_is_named(self, command: Command, options: tuple[str, str], problem: str) -> None:
        """Exit code 2, and nothing was sent."""
        ran = command("numbers", "list", *options)
        assert (ran.code, problem in ran.err) == (2, True), ran.err

    def test_basic_authorization_is_there(self, command: Command) -> None:
        """--auth basic is what the sandbox takes too."""
        assert command("numbers", "list", "--auth", "basic").code == 0

    def test_a_missing_event_loop_says_what_to_install(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Trio is no dependency."""
        monkeypatch.setitem(sys.modules, "trio", None)
        ran = command("numbers", "list", "--backend", "trio")
        assert (ran.code, "pip install trio" in ran.err) == (2, True)

    def test_every_command_has_help_and_is_listed(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each by name, with what it is for in one line that is not cut off; no help is wider than 80 columns."""
        monkeypatch.setenv("COLUMNS", "80")
        ran = command("--help")
        assert ran.code == 0
        context = click.Context(app)
        for name in app.list_commands(context):
            found = app.get_command(context, name)
            assert found is not None
            assert found.get_short_help_str(80).rstrip(".") in " ".join(ran.out.split())
            if name != "sandbox":  # its parser is that of the module, and ends the process
                assert not [line for line in command(name, "--help").out.splitlines() if len(line) > 80]

    @pytest.mark.parametrize("group", ["", "conference", "recordings", "numbers", "callbacks", "svaml", "dial"])
    def test_no_list_of_commands_is_cut_off_at_80_columns(self, command: Command, group: str) -> None:
        """The first sentence of each command fits into its line."""
        lines = command(*group.split(), "--help").out.splitlines()
        assert not [line for line in lines if (line.endswith("...") and "Usage:" not in line) or len(line) > 80]


class TestSecrets:
    """Where key and secret come from: never from an argument."""

    def test_no_option_takes_a_secret(self, command: Command) -> None:
        """Arguments can be read by every user of a machine."""
        assert command("numbers", "list", "--application-secret", SECRET[:4]).code == 2

    def test_without_any_it_says_what_to_set(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is no terminal to ask on."""
        monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115, PTH123 - closed with the test
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", "")
        keyring.set_keyring(Vault(kept=None))
        ran = command("numbers", "list")
        assert (ran.code, "set SINCH_APPLICATION_SECRET, or keep it with `keyring set" in ran.err) == (2, True)
        monkeypatch.delenv("SINCH_APPLICATION_KEY")
        assert "set SINCH_APPLICATION_KEY or pass --application-key" in command("numbers", "list").err
        sys.stdin.close()

    @pytest.mark.parametrize("backend_is_there", [True, False])
    def test_the_keyring_is_asked(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, backend_is_there: bool
    ) -> None:
        """For the secret of the key that is given; a machine without a keyring is one that does not know it."""
        monkeypatch.delenv("SINCH_APPLICATION_KEY")
        monkeypatch.delenv("SINCH_APPLICATION_SECRET")
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
        keyring.set_keyring(Vault(kept=SECRET, usable=backend_is_there))
        assert command("numbers", "list", "--application-key", KEY).code == (0 if backend_is_there else 2)

    def test_without_the_package_nothing_is_missing(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """The keyring is an option."""
        monkeypatch.delenv("SINCH_APPLICATION_SECRET")
        monkeypatch.setitem(sys.modules, "keyring", None)
        monkeypatch.setattr(click.termui, "hidden_prompt_func", lambda _: SECRET)
        with _terminal_stdin(monkeypatch):
            assert command("numbers", "list").code == 0

    def test_a_person_is_asked_for_both(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a terminal."""
        monkeypatch.delenv("SINCH_APPLICATION_KEY")
        monkeypatch.delenv("SINCH_APPLICATION_SECRET")
        monkeypatch.setattr(click.termui, "visible_prompt_func", lambda _: KEY)
        monkeypatch.setattr(click.termui, "hidden_prompt_func", lambda _: SECRET)
        keyring.set_keyring(Vault(kept=None))
        with _terminal_stdin(monkeypatch):
            assert command("numbers", "list").code == 0


class TestTerminals:
    """Colours and prompts are for terminals."""

    def test_colours_are_for_terminals(
        self, command: Command, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And not even there where NO_COLOR is set."""
        assert "\x1b[" not in command("doctor").out
        with terminal():
            command("doctor")
        assert "\x1b[32m" in terminal.shown
        monkeypatch.setenv("NO_COLOR", "1")
        with terminal():
            command("doctor")
            command("numbers", "list")
        assert "\x1b[3" not in terminal.shown

    def test_a_secret_that_is_typed_is_not_shown(self, sandbox: Sandbox) -> None:
        """The real program asks on its terminal, and the terminal shows nothing of the answer."""
        controller, other = pty.openpty()
        environment = {**os.environ, "SINCH_VOICE_BASE_URL": sandbox.url, "SINCH_APPLICATION_KEY": KEY}
        environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        with subprocess.Popen(
            [*PROGRAM, "numbers", "list", "--json"],
            env=environment,
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=other,
            start_new_session=True,
        ) as process:
            os.close(other)
            shown = b""
            while b"Application secret: " not in shown:
                shown += os.read(controller, 1024)
            os.write(controller, f"{SECRET}\n".encode())
            out = process.communicate(timeout=300)[0]
        with contextlib.suppress(OSError):  # what Linux says of a terminal that nobody holds
            shown += os.read(controller, 1024)
        os.close(controller)
        assert (process.returncode, out) == (0, b"[]\n"), shown
        assert SECRET.encode() not in shown


class TestStart:
    """A fast start: help and completion load no more than they print."""

    @pytest.mark.parametrize(
        "arguments",
        [["--help"], ["call", "--help"], ["status", "--help"], ["verify", "--help"], ["completion", "fish"]],
    )
    def test_help_loads_no_client(self, arguments: list[str]) -> None:
        """Modules are counted rather than seconds."""
        spared = "httpx anyio cattrs rich keyring sinch_voice_async.client sinch_voice_async.sandbox"
        program = (
            f"import sys; from sinch_voice_async.cli import main; assert main({arguments}) == 0;"
            f"print(*({set(spared.split())} & sys.modules.keys()), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.stderr.strip() == ""

    def test_a_shell_completes_commands_and_options(self) -> None:
        """What `sinch-voice completion` prints asks the program itself."""
        for shell, words, line in (
            ("bash", "sinch-voice conf", "plain,conference"),
            ("bash", "sinch-voice call --enable-d", "plain,--enable-dice"),
            ("powershell", "sinch-voice conf", "conference\tCall into conferences, and manage them."),
        ):
            asked = {
                "_SINCH_VOICE_COMPLETE": f"{shell}_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(words.count(" ")),
                "COMP_WORD": words.rpartition(" ")[2],
            }
            code = "import sys; from sinch_voice_async.cli import main; sys.exit(main())"
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, **asked},
                capture_output=True,
                text=True,
                check=False,
            )
            assert line in done.stdout.splitlines()

    @pytest.mark.parametrize("shell", ["zsh", "fish"])
    def test_the_script_of_each_shell_is_there(self, command: Command, shell: str) -> None:
        """It names the program."""
        assert "_SINCH_VOICE_COMPLETE" in command("completion", shell).out


class TestExtras:
    """What is not installed is a sentence that says what to install."""

    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_without_the_extra_it_says_so(
        self, missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Exit code 2."""
        monkeypatch.setitem(sys.modules, missing, None)
        assert main(["--help"]) == 2
        assert "pip install 'sinch-voice-async[cli]'" in capsys.readouterr().err

    @pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
    def test_the_sandbox_is_an_extra_of_its_own(
        self, command: Command, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The one sentence, again."""
        monkeypatch.setitem(sys.modules, missing, None)
        ran = command("sandbox", "--help")
        assert (ran.code, "pip install 'sinch-voice-async[sandbox]'" in ran.err) == (2, True)


def test_the_package_is_a_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where ``sinch-voice`` is not on the path."""
    monkeypatch.setattr(sys, "argv", ["sinch_voice_async", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(program.__file__, run_name="__main__")
    assert caught.value.code == 0
    assert sinch_voice_async.__version__ in capsys.readouterr().out


def _paths_of(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command, click.Parameter]]:
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _paths_of(found, *names, name)
    for each in command.params:
        if isinstance(each.type, (PathType, click.File, click.Path)) or each.callback is checked_journal:
            yield names, command, each


PATHS = [*_paths_of(app)]


def test_every_path_has_the_type_of_this_library() -> None:
    """The type of click reads an empty path as the current folder."""
    assert len(PATHS) > 30
    assert not [(names, each.name) for names, _, each in PATHS if type(each.type) is click.Path]


def test_a_path_is_judged_before_it_is_opened(tmp_path: Path) -> None:
    """A folder is not a file, and the shell completes names of the right kind."""
    new, here = f"{tmp_path}/new", str(tmp_path)
    assert [path_problem(new), path_problem(new, folder=True), path_problem(f"{new}/", folder=True)] == [None] * 3
    assert path_problem(here, folder=True) is None
    assert path_problem(new, must_exist=True) == f"{new} does not exist"
    assert path_problem(f"{new}/") == f"{new}/ is the name of a folder"
    assert path_problem(__file__, folder=True) == f"{__file__} is not a folder"
    assert path_problem("a\0b") == "it holds a character that no name may have"
    context, parameter = click.Context(app), click.Argument(["file"])
    for folder, kind in ((False, "file"), (True, "dir")):
        (item,) = PathType(folder=folder).shell_complete(context, parameter, "con")
        assert (item.value, item.type) == ("con", kind)


@pytest.mark.parametrize("path", ["", " ", "/", ".", "x" * 5000, "loop", "folder"])
def test_what_is_no_path_of_a_file(
    command: Command, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each command and each of its paths: a usage error that names the option, and no file is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for names, found, parameter in PATHS:
        if names == ("recordings", "archive") and path in ("/", ".", "folder"):
            continue
        given = path if isinstance(parameter, click.Argument) else None
        arguments = [
            path if each is parameter else "no-such-file"
            for each in found.params
            if isinstance(each, click.Argument) and (each.required or each is parameter)
        ]
        options = [] if given is not None else [parameter.opts[0], path]
        ran = command(*names, *options, "--", *arguments)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), (names, parameter.name, ran)
        assert "Missing" not in ran.err
        assert parameter.opts[0].lower() in ran.err.lower(), (names, parameter.name, ran.err)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "loop"]


@contextlib.contextmanager
def _terminal_stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    controller, other = os.openpty()
    with os.fdopen(other, "r") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield
    os.close(controller)


class Vault(KeyringBackend):
    """A keyring that keeps one secret, or none, or is none."""

    def __init__(self, *, kept: str | None, usable: bool = True) -> None:
        self._kept = kept
        self._usable = usable

    def get_password(self, service: str, username: str) -> str | None:
        """Return it to whoever asks rightly."""
        if not self._usable:
            raise NoKeyringError
        return self._kept if (service, username) == (KEYRING_SERVICE, KEY) else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep nothing."""
        raise AssertionError("nothing here writes")  # pragma: no cover - that it is not called is the promise


@pytest.mark.parametrize(
    "arguments",
    [
        ("listen", "--forward", "http://me:hunter2@127.0.0.1:9"),
        ("listen", "--forward", "http://:hunter2@127.0.0.1:9/voice"),
        ("stream", "wss://me:hunter2@127.0.0.1:9/streams"),
        ("stream", "ws://127.0.0.1:9/streams?password=hunter2"),
    ],
)
def test_no_argument_holds_a_password(command: Command, arguments: tuple[str, ...]) -> None:
    """Every user of the machine can read arguments: a URL with a password is refused, and not repeated."""
    ran = command(*arguments)
    assert (ran.code, "holds a password" in ran.err, "hunter2" in ran.out + ran.err) == (2, True, False)


def test_a_url_of_callbacks_is_named_as_the_command_names_it(command: Command) -> None:
    """Neither a parameter of Python nor its types are mentioned."""
    ran = command("callbacks", "set", "ftp://example.com")
    assert ran.code == 2
    assert "PRIMARY must be an http or https URL with a host" in ran.err
