"""Files are private, made by us alone, never written through a link, and whole or not there."""

import errno
import os
import stat
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import _files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and links of POSIX")


def mode(path: Path) -> int:
    """Return the bits of a file's mode."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_created_file_is_private(tmp_path: Path) -> None:
    """Only the owner may read a new file, whatever the umask says, and it knows its name."""
    with _files.create(tmp_path / "a") as file:
        file.write(b"x")
        assert file.name == str(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o600


def obstacle(kind: str, path: Path) -> None:
    """Put something at a path that is not a file of our own."""
    outside = path.parent / "outside"
    outside.write_bytes(b"precious")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to(path.parent / "nothing")
    elif kind == "hard link":
        path.hardlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()


KINDS = ["link", "dangling link", "hard link", "fifo", "directory"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_an_own_file_is_never_opened(tmp_path: Path, kind: str) -> None:
    """A link, a file with another name, a pipe and a directory are refused for writing and change nothing outside."""
    path = tmp_path / "a"
    obstacle(kind, path)
    with pytest.raises(FileExistsError):
        _files.create(path)
    for opening in (_files.reopen, _files.open_or_create):
        with pytest.raises(OSError, match="a "):
            opening(path)
    assert not _files.is_private(path)
    assert (tmp_path / "outside").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "directory"])
def test_discarding_a_name_leaves_what_it_points_to(tmp_path: Path, kind: str) -> None:
    """The name goes, and the file outside stays; a name that is free is no error."""
    path = tmp_path / "a"
    obstacle(kind, path)
    _files.discard(path)
    _files.discard(path)
    assert not os.path.lexists(path)
    assert (tmp_path / "outside").read_bytes() == b"precious"


def test_a_directory_is_not_discarded(tmp_path: Path) -> None:
    """A directory is an error."""
    with pytest.raises(IsADirectoryError):
        _files.discard(tmp_path)


def test_a_file_is_continued_and_made_private(tmp_path: Path) -> None:
    """A file of our own is opened as it is; once it is known to be ours, others may not read it any more."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    path.chmod(0o644)
    assert not _files.is_private(path)
    with _files.open_or_create(path) as file:
        assert file.readall() == b"abc"
        assert mode(path) == 0o644
        _files.make_private(file.fileno())
    assert mode(path) == 0o600
    assert _files.is_private(path)


def test_a_file_system_without_modes_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the mode cannot be changed, the file is opened all the same."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no modes here")

    path = tmp_path / "a"
    path.write_bytes(b"abc")
    path.chmod(0o644)
    monkeypatch.setattr(os, "fchmod", refuse)
    with _files.reopen(path) as file:
        _files.make_private(file.fileno())
        assert file.readall() == b"abc"


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to another user is neither opened nor removed."""
    path = tmp_path / "a"
    path.write_bytes(b"theirs")
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    monkeypatch.setattr(_files, "_owner_of_new_files", lambda _: 12_345)
    for action in (_files.reopen, _files.discard):
        with pytest.raises(PermissionError, match="another user"):
            action(path)
    assert path.read_bytes() == b"theirs"


def test_a_file_system_with_one_owner_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every new file belongs to one other user, as on some network file systems, the owner tells nothing."""
    path = tmp_path / "a"
    path.write_bytes(b"ours")
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with _files.reopen(path) as file:
        assert file.readall() == b"ours"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_file_that_is_swapped_while_it_is_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the name means another file after the check, nothing is written."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"a")
    other.write_bytes(b"b")
    opening = os.open
    monkeypatch.setattr(os, "open", lambda _, flags, *mode: opening(other, flags, *mode))
    with pytest.raises(OSError, match="replaced while it was opened"):
        _files.reopen(path)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Nothing stands at the name until the file is whole; then it is private, and no part is left."""
    target = tmp_path / "report.csv"
    with _files.NewFile(target, overwrite=False) as file:
        file.write(b"one,")
        file.write(b"two")
        assert not target.exists()
    file.abort()
    assert target.read_bytes() == b"one,two"
    assert mode(target) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    """An exception on the way removes the part and leaves what was there before."""
    target = tmp_path / "report.csv"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"), _files.NewFile(target, overwrite=True) as file:
        file.write(b"new")
        raise ValueError("stop")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    """Without ``overwrite`` an existing file is an error before the work begins, and with it, it is replaced."""
    target = tmp_path / "a"
    _files.write_whole(target, b"old", overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        _files.write_whole(target, b"new", overwrite=False)
    assert target.read_bytes() == b"old"
    _files.write_whole(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("linked", [True, False])
def test_a_name_that_is_taken_on_the_way_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """A file that appears while ours is written is not replaced; without hard links the check is by name."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not linked:
        monkeypatch.setattr(os, "link", refuse)
        _files.write_whole(tmp_path / "b", b"new", overwrite=False)
        assert (tmp_path / "b").read_bytes() == b"new"
    target = tmp_path / "a"
    file = _files.NewFile(target, overwrite=False)
    target.write_bytes(b"theirs")
    if linked:
        monkeypatch.setattr(_files, "check_target", lambda *_, **__: None)
    with pytest.raises(FileExistsError):
        file.commit()
    assert target.read_bytes() == b"theirs"
    assert not list(tmp_path.glob(".*"))


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """With ``overwrite`` the link itself becomes the file."""
    obstacle("link", tmp_path / "a")
    _files.write_whole(tmp_path / "a", b"new", overwrite=True)
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "outside").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_a_directory_or_a_device_is_never_replaced(tmp_path: Path, kind: str) -> None:
    """What is not a file stays, ``overwrite`` or not."""
    obstacle(kind, tmp_path / "a")
    for overwrite in (True, False):
        with pytest.raises(OSError, match="it "):
            _files.write_whole(tmp_path / "a", b"new", overwrite=overwrite)


def test_directories_are_made_private(tmp_path: Path) -> None:
    """Missing directories are made for the owner alone; those that exist are left as they are."""
    tmp_path.chmod(0o755)
    _files.make_directory(tmp_path / "a" / "b")
    _files.make_directory(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path) == 0o755
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        _files.make_directory(tmp_path / "file")


def test_a_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    """A second process cannot lock the file until it is closed."""
    path = tmp_path / "a"
    program = "import sys; from pathlib import Path; from sinch_voice_async import _files\n"
    program += "print(_files.lock(_files.reopen(Path(sys.argv[1]))))"

    def other() -> str:
        done = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    with _files.create(path) as file:
        assert _files.lock(file)
        assert other() == "False"
        with _files.reopen(path) as second:
            assert not _files.lock(second)
    assert other() == "True"


@given(st.text(max_size=200))
def test_a_name_made_from_a_key_is_harmless(key: str) -> None:
    """No key makes a name that is an option, leaves the directory, is hidden, or is one of the reserved ones."""
    for name in islice(_files.safe_names(key, reserved=(".part",)), 3):
        assert name
        assert name[0] not in "-.~"
        assert not set(name) & set('/\\\0:*?"<>|')
        assert len(name.encode()) <= 130
        assert not name.lower().endswith(".part")


def test_two_keys_have_two_names() -> None:
    """Keys that clean to the same text are told apart, also a key that looks like a cleaned one."""
    keys = ["a/b", "a\\b", "a b", "-a.wav", "--a.wav", "a.part", "con", "CON.txt", ".a", "a.", "", "-", "a" * 200, "a"]
    names = [next(_files.safe_names(key, reserved=(".part",))) for key in keys]
    assert len(set(names)) == len(keys)
    assert next(_files.safe_names("call-1.wav")) == "call-1.wav"


def test_a_database_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its content, by its log's name, and without opening one that a connection of this process has open."""
    database, log, text = tmp_path / "x", tmp_path / "x-wal", tmp_path / "text"
    database.write_bytes(b"SQLite format 3\0" + bytes(100))
    log.touch()
    text.write_text("SQLite")
    for target in (database, log):
        with pytest.raises(OSError, match="a database or its log"):
            _files.check_target(target, overwrite=True)
    _files.check_target(text, overwrite=True)
    found = text.stat()
    monkeypatch.setattr(_files, "OPEN_DATABASES", {1: (found.st_dev, found.st_ino)})
    with pytest.raises(OSError, match="a database or its log"):
        _files.check_target(text, overwrite=True)
    for base in ("gone", "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / f"{base}-shm").touch()
        _files.check_target(tmp_path / f"{base}-shm", overwrite=True)


def test_a_file_that_cannot_be_read_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads it next says why it cannot be read."""
    (tmp_path / "text").touch()

    def refuse(_: Path, mode: str) -> None:
        raise PermissionError(mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert not _files.is_database(tmp_path / "text")
    assert not _files.is_database(tmp_path)


def test_what_is_needed_is_not_replaced(tmp_path: Path) -> None:
    """By whatever name: a link to it is it."""
    (tmp_path / "list").touch()
    (tmp_path / "link").symlink_to("list")
    _files.check_apart(tmp_path / "new", [tmp_path / "list", tmp_path / "gone"])
    with pytest.raises(OSError, match="which the campaign reads"):
        _files.check_apart(tmp_path / "link", [tmp_path / "gone", tmp_path / "list"])
