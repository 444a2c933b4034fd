"""Names of files, made from the keys of recordings: safe on every system, and one key's alone.

Rules:

- A key that is a harmless name is the name. Any other is cleaned, and marked with ``~`` and a digest of the key: no two
  keys clean to one name, and no harmless name has a ``~``.
- Harmless is: letters and digits of ASCII, ``.``, ``_``, ``-``; at most 120 characters; no dot at either end, and no
  ``-`` in front; no device of Windows; none of the names that an archive gives to its own files.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from sinch_voice_async._endpoints.manifest import MANIFEST

__all__ = ["file_names"]

_LONGEST: Final = 120
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")
# Windows opens the device whatever follows the first dot.
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_OWN: Final = (".part", ".part.json", MANIFEST)


def file_names(key: str) -> Iterator[str]:
    """Yield the names that a key may have, the best first: the next is for where one is taken by something else."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    extension = _EXTENSION.search(key)
    ending = extension[0] if extension and not key.lower().endswith(_OWN) else ""
    stem = _OTHERS.sub("_", key.removesuffix(ending))[: _LONGEST - 40]
    if _is_harmless(key):
        yield key
    yield f"{stem}~{digest}{ending}"
    number = 2
    while True:
        yield f"{stem}~{digest}~{number}{ending}"
        number += 1


def _is_harmless(key: str) -> bool:
    fits = len(key) <= _LONGEST and _HARMLESS.fullmatch(key) and not _DEVICE.fullmatch(key)
    return bool(fits) and not key.lower().endswith(_OWN)
