"""``python -m mutation [signing retry inbound codec]``: try every mutant, and hold the score and the explanations.

A module's score is the share of its mutants that the tests notice. It fails below 95 %, for a survivor that
``survivors.toml`` does not explain, and for an explanation of a mutant that does not survive, or no longer exists.
"""

import argparse
import sys
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

from mutation.mutants import Mutant, mutants_of
from mutation.run import passes, survivors
from mutation.targets import PACKAGE, TARGETS, Target

__all__ = ["main"]

EXPLAINED = Path(__file__).with_name("survivors.toml")
SCORE = 0.95


def main() -> int:
    """Try the mutants of what was asked for, say what is wrong, and return the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m mutation", description=__doc__)
    names = [target.name for target in TARGETS]
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=f"one or several of {', '.join(names)}")
    wanted = arguments.parse_args().targets or names
    if unknown := set(wanted) - set(names):
        arguments.error(f"there is no target {', '.join(sorted(unknown))}")
    faults = [fault for target in TARGETS if target.name in wanted for fault in _try(target)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


def _try(target: Target) -> list[str]:
    """Try one target, print its score, and return what is wrong."""
    begun = time.monotonic()
    path = target.paths[0]
    if not passes(path, path.read_text(encoding="utf-8"), target.tests):
        return [f"{target.name}: the tests fail without any change; run them by themselves"]
    limit = 10 * (time.monotonic() - begun) + 20
    if passes(path, "", target.tests):
        return [f"{target.name}: the tests pass without {path.name}: they do not see what is changed"]
    mutants = [mutant for module in target.paths for mutant in mutants_of(module)]
    alive = [mutant for mutant in survivors(mutants, target.tests, limit) if mutant is not None]
    score = 1 - len(alive) / len(mutants)
    seconds = time.monotonic() - begun
    print(f"{target.name}: {len(mutants) - len(alive)} of {len(mutants)} noticed, {score:.1%}, in {seconds:.0f} s")
    below = [f"{target.name}: {score:.1%} is below {SCORE:.0%}"] if score < SCORE else []
    return [*below, *_unlike_the_explained(alive, target)]


def _unlike_the_explained(alive: Iterable[Mutant], target: Target) -> list[str]:
    """Compare those that live with those that are explained."""
    found = {(_name(mutant.path), mutant.was, mutant.becomes): mutant.line for mutant in alive}
    explained = {key for key in _explained() if key[0] in target.modules}
    unnoticed = [f"{key[0]}:{found[key]}: nobody notices {_shown(key)}" for key in sorted(found.keys() - explained)]
    wrongly = [f"{key[0]}: explained, and noticed: {_shown(key)}" for key in sorted(explained - found.keys())]
    return unnoticed + wrongly


def _explained() -> set[tuple[str, str, str]]:
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["survivor"]
    return {(row["module"], row["was"], becomes) for row in rows for becomes in row["becomes"] if row["why"]}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _shown(key: tuple[str, str, str]) -> str:
    return f"\n    was = {key[1]!r}\n    becomes = {key[2]!r}"


if __name__ == "__main__":
    sys.exit(main())
