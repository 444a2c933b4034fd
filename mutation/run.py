"""Which mutants live? Each is tried in a process of its own, forked from one that has only loaded the test tools.

The mutant is never written to disk: the process imports it in the place of the module. Needs ``os.fork``.
"""

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from mutation.mutants import Mutant
from mutation.targets import ROOT

__all__ = ["passes", "survivors"]

# Loaded once, here, for all the processes to come. Nothing of ours may be among it.
_TOOLS = ("anyio.pytest_plugin", "pytest_asyncio.plugin", "_hypothesis_pytestplugin")
for _module in (*_TOOLS, "cattrs", "httpx", "hypothesis.strategies", "trio", "trustme"):
    importlib.import_module(_module)
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

# Without rewritten asserts: pytest would load the modules of a plugin, which ours are, itself and from their files.
# Without Hypothesis's tests: what chance may notice is not held, and the rest takes a tenth of the time.
_OPTIONS = ["-x", "-q", "--assert=plain", "-m", "not hypothesis", "-p", "no:cacheprovider"]
_OPTIONS += [f"-p{each}" for each in _TOOLS]


class _Instead(MetaPathFinder, SourceFileLoader):
    """Imports one module from a text in the place of its file."""

    def __init__(self, path: Path, source: str) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        super().__init__(".".join(parts), str(path))
        self.source = source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.source, self.path, "exec", dont_inherit=True)
        return code


def _start(path: Path, source: str, tests: Sequence[str]) -> int:
    """Begin the tests with a module changed, and return the process in which they run."""
    if process := os.fork():
        return process
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    sys.meta_path.insert(0, _Instead(path, source))
    status: Any = 1
    try:
        status = pytest.main([*_OPTIONS, *tests])
    finally:
        os._exit(int(status != 0))


def passes(path: Path, source: str, tests: Sequence[str]) -> bool:
    """Say whether the tests pass with a module that has this source."""
    _, status = os.waitpid(_start(path, source, tests), 0)
    return os.waitstatus_to_exitcode(status) == 0


def survivors(mutants: Sequence[Mutant], tests: Sequence[str], limit: float) -> Iterator[Mutant | None]:
    """Try all mutants, as many at once as there are processors; yield each that lives, and None for one that does not.

    ``limit`` is the seconds after which one that has not ended counts as noticed: it runs in a circle.
    """
    waiting, running = list(reversed(mutants)), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop()
            running[_start(mutant.path, mutant.source, tests)] = mutant, time.monotonic() + limit
        for process, (mutant, end) in list(running.items()):
            if time.monotonic() > end:
                os.killpg(process, signal.SIGKILL)
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                del running[process]
                yield mutant if os.waitstatus_to_exitcode(status) == 0 else None
        time.sleep(0.01)
