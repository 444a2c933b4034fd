"""Check that every relative link and every anchor in the project's Markdown files leads somewhere.

Links to other hosts are left alone, so that the answer does not depend on the network. Anchors are made from headings
as GitHub makes them. Prints each broken link as ``file:line: reason`` and exits with 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,}|:{3,})")
LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"\s{0,3}\[[^\]]+\]:\s+<?(\S+?)>?\s*$")
HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def documents() -> list[Path]:
    """Return the Markdown files that are read by people."""
    folders = ("docs", "examples", "benchmarks", ".github")
    return sorted([*ROOT.glob("*.md"), *(file for folder in folders for file in (ROOT / folder).rglob("*.md"))])


def prose(document: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of code blocks, with their numbers."""
    fence = ""
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        mark = FENCE.match(line)
        if mark and mark[1][0] != ":":
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
            continue
        if not fence:
            # A link inside a code span is none; the words of one in a heading belong to its anchor.
            yield number, line if line.startswith("#") else re.sub(r"`[^`]*`", "", line)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, repeated ones numbered."""
    found: set[str] = set()
    for _, line in prose(document):
        if heading := HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            numbered = (f"{slug}-{count}" for count in range(1, 100))
            found.add(slug if slug not in found else next(each for each in numbered if each not in found))
    return found


def fault(document: Path, target: str) -> str | None:
    """Say what is wrong with one link, or None."""
    if SCHEME.match(target) or target.startswith("//"):
        return None
    path, _, anchor = unquote(target).partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.is_relative_to(ROOT):
        return f"{target} leads out of the project"
    if not file.exists():
        return f"{target} does not exist"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"{target}: no heading makes the anchor #{anchor}"
    return None


def main() -> int:
    """Print what is broken; return the exit code."""
    broken = 0
    for document in documents():
        for number, line in prose(document):
            definition = DEFINITION.match(line)
            for target in [*LINK.findall(line), *([definition[1]] if definition else [])]:
                if reason := fault(document, target):
                    broken += 1
                    print(f"{document.relative_to(ROOT)}:{number}: {reason}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
