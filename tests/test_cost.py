"""What a callout costs, counted in bytecodes: a busy machine does not disturb the figure."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.opcodes import BAR

ROOT = Path(__file__).parents[1]
MARGIN = 1.03


# The bytecodes of other versions of Python were not counted: for them there is nothing to run.
COUNTED = [backend for backend in ("asyncio", "trio") if (sys.version_info[:2], backend) in BAR]


@pytest.mark.parametrize("anyio_backend", COUNTED)
def test_a_callout_stays_within_its_bar(anyio_backend: str) -> None:
    """At most 3 % more than the bar that was kept: more needs a reason, and a new bar."""
    bar = BAR[sys.version_info[:2], anyio_backend]
    program = f"from benchmarks.opcodes import count; print(count({anyio_backend!r}))"
    done = subprocess.run(  # our own program, in a process whose trace function nobody else uses
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert 0 < int(done.stdout) <= bar * MARGIN
