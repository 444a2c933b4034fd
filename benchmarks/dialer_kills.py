"""``python -m benchmarks.dialer_kills``: 5,000 contacts, faults, ten SIGKILLs, no contact called twice."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.dialer.kills import play

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Play it, and print what was found; exit with 1 if a contact was called twice or is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialer_kills", description=__doc__)
    parser.add_argument("--contacts", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="settles another course of faults and kills")
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        verdict = play(Path(folder), contacts=given.contacts, kills=given.kills, seed=given.seed, say=print)
    print(f"{verdict.contacts} contacts, {verdict.kills} kills, {time.monotonic() - begun:.0f} s")
    print(f"executed by the server: {verdict.executed} callouts; numbers rung twice: {verdict.rung_twice}")
    print(f"states at the end: {verdict.states}; contacts whose state is wrong: {verdict.misjudged}")
    print(
        f"unknown: {verdict.states.get('unknown', 0)}, of at most {verdict.most_unknown}: {verdict.kills} kills with 20"
    )
    print(f"in flight, and {verdict.doubtful_faults} answers that the server kept, cut or failed on purpose")
    print("good" if verdict.is_good else "NOT GOOD")
    sys.exit(not verdict.is_good)


if __name__ == "__main__":
    main()
