"""What this library costs, counted in bytecodes: a busy machine does not disturb the figures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

costs: Any = pytest.importorskip("benchmarks.costs", reason="only a clone has the benchmarks")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    """The counts of this Python, from a process that does nothing else."""
    if not costs.bars(costs.read()):
        pytest.skip(  # pragma: no cover  # coverage is measured on a version that has figures
            f"no figures are kept for Python {costs.VERSION}: bytecodes differ between versions"
        )
    command = [sys.executable, "-m", "benchmarks.costs", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_nothing_costs_more_than_was_kept(counts: dict[str, int]) -> None:
    """A callout, a callback, a page of recordings and a dial cost at most 3 % more than the kept figure, on each loop.

    If one does, make it cheaper, or run ``python -m benchmarks.costs --keep --why "..."`` on each version of Python.
    """
    bars = costs.bars(costs.read())
    assert counts.keys() == bars.keys()
    assert min(counts.values()) > 1000, "the counter has missed the work"
    assert costs.over(counts, bars) == []


def test_each_rise_has_a_reason() -> None:
    """A kept figure that is above the one before it says why."""
    assert costs.rises_without_reason(costs.read()) == []


def test_a_rise_is_noticed() -> None:
    """4 % more is too much, 2 % is not; a higher figure in the file needs a reason, and a lower one does not."""
    assert costs.over({"a dial": 1040}, {"a dial": 1000}) == ["a dial: 1,040 bytecodes, +4.0%"]
    assert costs.over({"a dial": 1020}, {"a dial": 1000}) == []
    first, higher, lower = (costs.Entry("2026-11-27", "", {"3.11": {"dial on trio": n}}) for n in (1000, 1001, 999))
    assert costs.rises_without_reason([first, lower]) == []
    assert costs.rises_without_reason([first, higher]) == ["2026-11-27, Python 3.11, dial on trio"]
    assert costs.rises_without_reason([first, costs.Entry("2026-11-27", "a rule more", higher.counts)]) == []


def test_kept_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--keep`` writes what fell, and what rose only with a reason."""
    monkeypatch.setattr(costs, "KEPT", tmp_path / "costs.json")
    costs.KEPT.write_text("[]")
    costs.keep({"dial on trio": 1000, "callout on trio": 1000}, "")
    costs.keep({"dial on trio": 1100, "callout on trio": 900}, "")
    assert costs.bars(costs.read()) == {"dial on trio": 1000, "callout on trio": 900}
    assert costs.keep({"dial on trio": 1100, "callout on trio": 900}, "").startswith("nothing to keep")
    costs.keep({"dial on trio": 1100, "callout on trio": 900}, "a rule more")
    assert costs.bars(costs.read()) == {"dial on trio": 1100, "callout on trio": 900}
    assert costs.rises_without_reason(costs.read()) == []


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_work_that_is_counted_is_whole(anyio_backend: str) -> None:
    """The sockets that stand in for a server are used: a callout gets its receipt, a page its hundred recordings."""
    async with costs._callout() as once:
        assert (await once()).call_id == "adf92089-df2a-4f14-a377-1e975f588fe4"
    async with costs._recordings() as once:
        assert len(await once()) == 1
    async with costs._callback() as once:
        assert await once() == 200
