"""Check that every citation in a docstring has the agreed form and a row in ``docs/reference/sources.md``.

The form is ``Source: <short title>, <section>.``; the section may be left out, and a semicolon separates two pages.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from checks.prose import ROOT, docstrings

__all__ = ["TABLE", "faults", "main", "titles"]

TABLE = ROOT / "docs" / "reference" / "sources.md"


def titles() -> set[str]:
    """Return the short titles in the table."""
    rows = re.findall(
        r"^\| ([^|]+?) \| .+ \| <https://[^>]+> \| \d{4}-\d\d \|$", TABLE.read_text("utf-8"), re.MULTILINE
    )
    return set(rows)


def faults(path: Path, known: set[str]) -> Iterator[str]:
    """Yield what is wrong with the citations of one file."""
    for number, text in docstrings(path):
        for found in re.finditer(r"\bSources?:\s+(.*?(?:\.(?=\s|\Z)|(?=\n\s*\n)|\Z))", text, re.DOTALL):
            citation = " ".join(found[1].split())
            if not found[0].startswith("Source:") or not citation.endswith("."):
                yield f"{path.relative_to(ROOT)}:{number}: not of the form 'Source: <title>, <section>.': {citation}"
            for each in citation.removesuffix(".").split("; "):
                if each.partition(",")[0] not in known:
                    yield f"{path.relative_to(ROOT)}:{number}: {each.partition(',')[0]!r} is not in {TABLE.name}"


def main() -> int:
    """Print the faults; return the exit code."""
    known = titles()
    found = [fault for path in sorted((ROOT / "sinch_voice_async").rglob("*.py")) for fault in faults(path, known)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
