"""Measure one case, told as JSON in the first argument, and print its figures as JSON in the last line."""

import importlib
import json
import os
import sys

from benchmarks.measure import download, load, memory

_KINDS = {"load": load.measure, "memory": memory.measure, "download": download.measure}


def main() -> None:
    """Run the case; a client that fails is a figure too: the name of its exception."""
    case = json.loads(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {case["core"]})
    try:
        client = importlib.import_module(f"benchmarks.clients.{case['client']}")
        figures = _KINDS[case["kind"]](client, case)
    except Exception as error:
        figures = {"failed": type(_first(error)).__name__, "why": str(_first(error))[:300]}
    print(json.dumps(figures))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main()
