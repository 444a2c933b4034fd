"""Count the turns of phrase that make technical English hard to read, per 1,000 words; exit with 1 above a limit.

The limits are what well-written documentation of comparable libraries keeps to. ``python -m checks.language --all``
prints every place, also below the limits; names of files and folders check these alone.
"""

import re
import sys
from pathlib import Path

from checks.prose import ROOT, Line, documents, lines, sources

__all__ = ["LIMITS", "main", "measure"]

LIMITS: dict[str, tuple[str, float]] = {
    "say who: the caller, a user, a process": (r"\b(?:some|no|any|every)body\b", 0.05),
    "say what: any value, the file that": (r"\b(?:whoever|whatever|whomever)\b", 0.5),
    "not, without, missing: instead of 'is no', 'is none'": (
        r"\b(?:is|are|was|were) (?:no(?! longer| more)\b|none\b)",
        0.6,
    ),
    "if or when: 'where' is for places": (
        r"(?:(?<=[,;:] )|(?<=^))where\b|\bwhere (?:there|one|it|they|nothing|that|this|you)\b",
        1.0,
    ),
    "called or dialled: a number is not 'rung'": (r"\b(?:is|are|was|were|be|been) rung\b", 0.05),
    "resume, continue: instead of 'go on with'": (r"\b(?:goes|go|gone|going) on (?:with|where)\b", 0.05),
    "a plain word": (r"\bhow-manyeth\b|\bbefalls?\b|\bsave for\b|\bof one's own\b|\bhence\b|\bthereof\b", 0.05),
}


def measure(files: list[Path]) -> tuple[int, dict[str, list[Line]]]:
    """Return the number of words in some files, and the places of each turn of phrase."""
    words, places = 0, {name: list[Line]() for name in LIMITS}
    for file in files:
        for line in lines(file):
            words += len(re.findall(r"[A-Za-z']+", line.text))
            for name, (pattern, _) in LIMITS.items():
                places[name] += [line] * len(re.findall(pattern, line.text, re.IGNORECASE))
    return words, places


def _chosen(names: list[str]) -> list[Path]:
    paths = [ROOT / name for name in names]
    return [
        file
        for path in paths
        for file in ([path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")]))
    ]


def main(arguments: list[str]) -> int:
    """Print the rates, and the places of those above their limit; return the exit code."""
    names = [each for each in arguments if not each.startswith("--")]
    words, places = measure(_chosen(names) if names else [*sources(), *documents()])
    over = 0
    for name, (_, limit) in LIMITS.items():
        rate = 1000 * len(places[name]) / max(words, 1)
        over += rate > limit
        print(f"{rate:5.2f} per 1,000 words, limit {limit:4.2f}{'  OVER' if rate > limit else ''}: {name}")
        if rate > limit or "--all" in arguments:
            print(*(f"    {line}" for line in places[name]), sep="\n")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
