"""What it takes for bytes and names to be on the disk, rather than on their way. Blocks; raises OSError."""

import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

__all__ = ["sync_directory", "write_all"]


def write_all(file: FileIO, data: bytes) -> None:
    """Write every byte: a disk that is nearly full takes a part, and refuses only the next."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def sync_directory(directory: Path) -> None:
    """Put on the disk that a file in it was made or renamed."""
    # Windows opens no directories, and keeps names in its journal.
    with suppress(PermissionError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
