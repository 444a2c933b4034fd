"""Every file that this library writes: private, never through a link, and under its name only when it is whole.

Rules:

- A file is created exclusively, readable and writable by its owner alone (0600).
- No link is followed at the last part of a path: neither for reading back what was written, nor for writing.
- A file that was there before is continued only if it is a regular file, belongs to this user, and has no other name.
  Another owner, or the holder of another name, could read what is written and change it later.
- A file that is refused keeps its content, its mode and its times. So a caller looks into a file that was there before
  (:func:`reopen` changes nothing), and calls :func:`make_private` only when it knows that the file is one of ours.
- What is written reaches the disk (``fsync`` of the file and of its directory) before anything follows from it.
- A name that is made from the platform's text does not begin with ``-`` and does not leave its directory.
- A database, such as the journal of a campaign, is never replaced by another file, whatever its name.

All of it blocks, and belongs in a worker thread. Each function raises ``OSError``; its ``strerror`` says what stands in
the way. On Windows files have no modes and no owners to check: links and kinds are checked, the rest is left to the
rights of the directory.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = [
    "NewFile",
    "application_of",
    "check_apart",
    "check_closed",
    "check_own",
    "check_target",
    "create",
    "discard",
    "is_database",
    "is_private",
    "lock",
    "make_directory",
    "make_private",
    "open_or_create",
    "place",
    "reopen",
    "safe_names",
    "sync_directory",
    "write_all",
    "write_whole",
]

PRIVATE: Final = 0o600
_FLAGS: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A FIFO would wait for its other end, and a terminal would become the controlling one.
_CAREFUL: Final = _FLAGS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_HAS_OWNERS: Final = hasattr(os, "geteuid")

# https://www.sqlite.org/fileformat.html, section 1.3.
_DATABASE: Final = b"SQLite format 3\0"
_DATABASE_HEADER: Final = 100
# Device and inode of each database that an object of this process has open; the keys are the objects' ids. To close
# another descriptor of such a file would drop the locks of SQLite on it, so no module opens one.
OPEN_DATABASES: Final[dict[int, tuple[int, int]]] = {}

_LONGEST: Final = 120
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
# Windows opens the device no matter what follows the first dot.
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.DOTALL)


def create(path: Path) -> FileIO:
    """Create a private file that does not exist yet, and open it for reading and writing, unbuffered.

    :raises FileExistsError: the name is taken, if only by a link to nothing.
    """
    return _as_file(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, PRIVATE), path)


def reopen(path: Path) -> FileIO:
    """Open a file of this user's own for reading and writing, unbuffered; nothing about it is changed.

    :raises FileNotFoundError: there is no such file.
    :raises OSError: it is a link, is not a regular file, has another name, belongs to another user, or is a database
        that this process has open.
    """
    before = check_own(path)
    check_closed(path)
    handle = os.open(path, _CAREFUL)
    try:
        # Between the two calls another file may have taken the name.
        _check_same(path, before, os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return _as_file(handle, path)


def check_own(path: Path) -> os.stat_result:
    """Return what ``lstat`` returns, if :func:`reopen` would open this file; it is not opened.

    :raises FileNotFoundError: there is no such file.
    :raises OSError: it is a link, is not a regular file, has another name, or belongs to another user.
    """
    found = os.lstat(path)
    _check(path, found)
    return found


def check_closed(path: Path) -> None:
    """Refuse to open a database that a connection of this process has open.

    :raises OSError: ``path`` is one, by whatever name.
    """
    if _is_open_database(path):
        raise OSError(errno.EBUSY, "it is a database that this program has open", str(path))


def open_or_create(path: Path) -> FileIO:
    """Open a file of this user's own as :func:`reopen` does, or create it as :func:`create` does."""
    try:
        return create(path)
    except FileExistsError:
        return reopen(path)


def make_private(handle: int) -> None:
    """Let only the owner read and write an open file, if others may do so now."""
    if _HAS_OWNERS and stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
        # Some file systems have no modes.
        with suppress(OSError):
            os.fchmod(handle, PRIVATE)


def application_of(handle: int) -> tuple[int, int] | None:
    """Return the application id and the user version of a SQLite database; None if the file is not one.

    The file must be open at its beginning, and is only read. SQLite itself would make a log beside a foreign database,
    or take one into it.
    """
    head = os.read(handle, _DATABASE_HEADER)
    if len(head) < _DATABASE_HEADER or not head.startswith(_DATABASE):
        return None
    return int.from_bytes(head[68:72]), int.from_bytes(head[60:64])


def is_private(path: Path) -> bool:
    """Whether ``path`` is a regular file of this user's own, without another name, that only this user may read."""
    try:
        found = check_own(path)
    except OSError:
        return False
    return not (_HAS_OWNERS and stat.S_IMODE(found.st_mode) & 0o077)


def is_database(path: Path) -> bool:
    """Whether ``path`` leads to a SQLite database; a file that cannot be read is none."""
    if _is_open_database(path):
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except OSError:
        return False


def discard(path: Path) -> None:
    """Remove a name if it is taken: a link goes, and what it points to stays.

    :raises OSError: it is a directory, or a file of another user.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(path))
    if stat.S_ISREG(found.st_mode) and not _is_own(path, found):
        raise PermissionError(errno.EPERM, f"{path.name} belongs to another user", str(path))
    path.unlink(missing_ok=True)


def place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give a whole file its name, and put the name on the disk: the target is replaced at once, or not touched.

    With ``overwrite`` a link at ``target`` is replaced by the file; what it points to stays.

    :raises FileExistsError: ``target`` exists, and ``overwrite`` is False.
    :raises OSError: ``target`` is a directory, a device, or a database or its log.
    """
    check_target(target, overwrite=overwrite)
    if overwrite:
        part.replace(target)
    else:
        _place_exclusively(part, target)
    sync_directory(target.parent)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise what :func:`place` would raise, before the work of writing begins."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(target))
    if not overwrite:
        raise _exists(target)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        raise OSError(errno.EINVAL, "it is not a regular file", str(target))
    base = Path(str(target).removesuffix("-wal").removesuffix("-shm").removesuffix("-journal"))
    if is_database(target) or (base != target and is_database(base)):
        raise OSError(errno.EEXIST, "it is a database or its log, such as the journal of a campaign", str(target))


def check_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse to replace a file that is needed, by whatever name.

    :raises OSError: ``target`` is one of ``inputs``.
    """
    for path in inputs:
        with suppress(FileNotFoundError):
            if target.samefile(path):
                raise OSError(errno.EEXIST, f"it is {path}, which the campaign reads", str(target))


class NewFile:
    """A file that appears whole or not at all, for writers that produce it in pieces.

    The bytes go to a file beside the target with a random name. :meth:`commit` gives it its name;
    :meth:`abort`, or leaving the ``with`` block by an exception, removes it::

        with NewFile(path, overwrite=False) as file:
            file.write(b"...")

    :raises OSError: as :func:`place` does, when the object is made.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        check_target(target, overwrite=overwrite)
        self.target = target
        self._overwrite = overwrite
        self._part = target.parent / f".{target.name[:_LONGEST]}.{secrets.token_hex(8)}.part"
        self._file = create(self._part)

    def write(self, data: bytes) -> None:
        """Write every byte."""
        write_all(self._file, data)

    def commit(self) -> None:
        """Put the bytes on the disk, close the file, and give it its name."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            place(self._part, self.target, overwrite=self._overwrite)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Close and remove what was written; may be called twice, and after :meth:`commit`."""
        self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is None:
            self.commit()
        else:
            self.abort()


def write_whole(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a whole file at once: private, atomic, and on the disk when this returns."""
    with NewFile(path, overwrite=overwrite) as file:
        file.write(data)


def write_all(file: FileIO, data: bytes) -> None:
    """Write every byte: a disk that is nearly full takes a part, and refuses only the next."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def make_directory(path: Path) -> None:
    """Make a directory and the ones above it as far as they are missing; those made here are private (0700)."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is not a directory", str(path))


def sync_directory(directory: Path) -> None:
    """Put on the disk that a file in it was made, renamed or removed."""
    # Windows opens no directories, and keeps names in its journal.
    with suppress(PermissionError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


if sys.platform == "win32":  # pragma: no cover - the suite is measured where there are locks

    def lock(file: FileIO) -> bool:
        """Lock an open file for this process; Windows needs no lock, an open file cannot be replaced there."""
        return not file.closed

else:
    import fcntl

    def lock(file: FileIO) -> bool:
        """Lock an open file for this process until it is closed, and say whether no other process has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def safe_names(key: str, *, reserved: Collection[str] = ()) -> Iterator[str]:
    """Yield the file names that a key of the platform may have, the best first; take the next one if a name is taken.

    A key that is harmless on every system is its own name. Harmless is: ASCII letters and digits, ``.``, ``_`` and
    ``-``; at most 120 characters; no dot at either end and no ``-`` in front; not a device of Windows; not ending with
    one of ``reserved``. Any other key is cleaned and marked with ``~`` and a digest of the key, so that no two keys
    have the same name.
    """
    endings = tuple(reserved)
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    extension = _EXTENSION.search(key[-9:])
    ending = extension[0] if extension and not key.lower().endswith(endings) else ""
    stem = _OTHERS.sub("_", key.removesuffix(ending))[: _LONGEST - 40].lstrip("-") or "_"
    fits = len(key) <= _LONGEST and _HARMLESS.fullmatch(key) and not _DEVICE.fullmatch(key)
    if fits and not key.lower().endswith(endings):
        yield key
    yield f"{stem}~{digest}{ending}"
    number = 2
    while True:
        yield f"{stem}~{digest}~{number}{ending}"
        number += 1


def _place_exclusively(part: Path, target: Path) -> None:
    # A hard link fails if the name is taken, however late that happened; a rename would replace what came in between.
    try:
        os.link(part, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:
        # This file system has no hard links. Windows refuses the rename if the name is taken, others replace.
        part.rename(target)
    else:
        part.unlink()


def _is_open_database(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) in list(OPEN_DATABASES.values())


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "it already exists; pass overwrite=True to replace it", str(target))


def _as_file(handle: int, path: Path) -> FileIO:
    file = FileIO(handle, "r+b")
    file.name = str(path)
    return file


def _check(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, f"{path.name} is a link", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"{path.name} is not a regular file", str(path))
    if not _is_own(path, found):
        raise PermissionError(errno.EPERM, f"{path.name} belongs to another user", str(path))
    if found.st_nlink > 1:
        raise OSError(errno.EMLINK, f"{path.name} has another name, which could change it", str(path))


def _check_same(path: Path, before: os.stat_result, found: os.stat_result) -> None:
    if not os.path.samestat(before, found):
        raise OSError(errno.EAGAIN, f"{path.name} was replaced while it was opened", str(path))


def _is_own(path: Path, found: os.stat_result) -> bool:
    return not _HAS_OWNERS or found.st_uid == os.geteuid() or found.st_uid == _owner_of_new_files(path.parent)


def _owner_of_new_files(directory: Path) -> int:
    # Network and foreign file systems may give every file to one user: there the owner tells nothing.
    probe = directory / f".{secrets.token_hex(8)}.probe"
    with create(probe) as file:
        probe.unlink()
        return os.fstat(file.fileno()).st_uid
