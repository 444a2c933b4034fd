"""The command that measures renews the README's section from its results, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

readme: Any = pytest.importorskip("benchmarks.readme", reason="only a clone has the benchmarks")

from benchmarks import bars, plan  # noqa: E402  # after the skip
from benchmarks.results import Results  # noqa: E402  # likewise

ROOT = Path(__file__).parents[1]
ABOUT = {"date": "2026-11-27", "python": "3.11.7", "processor": "a processor", "cores": "a core each"}


@pytest.fixture
def results() -> Results:
    """Figures for every case of a whole run: one callout costs 50 microseconds for us, 100 for the others."""
    found = Results()
    for case in plan.full():
        ours = 50.0 if case.client == "ours" else 100.0
        found.add(case, {"cpu_us": ours, "per_second": 1900.0, "answered": 10_000, "stall_ms": 10.0})
    return found


def test_the_section_is_renewed(results: Results) -> None:
    """The table has a row for each peer; what stands outside of the markers stays."""
    page = "# Title\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\n## After\n"
    renewed = readme.renewed(page, results, ABOUT)
    assert renewed.startswith("# Title\n<!-- benchmarks -->\n\n## Speed\n")
    assert renewed.endswith("<!-- /benchmarks -->\n## After\n")
    assert "| **this library** | **1** | **1** | **1** | **1** |" in renewed
    assert "| this library over stock httpx | 2.0 | 2.0 | 2.0 | 2.0 |" in renewed
    assert "old" not in renewed
    assert "in November 2026 on a processor" in renewed
    assert readme.renewed(renewed, results, ABOUT) == renewed


def test_the_readme_has_the_markers(results: Results) -> None:
    """The README can be renewed; a page without markers is refused."""
    readme.renewed((ROOT / "README.md").read_text(encoding="utf-8"), results, ABOUT)
    with pytest.raises(ValueError, match="markers"):
        readme.renewed("# Title\n", results, ABOUT)


def test_every_reason_is_for_a_bar(results: Results) -> None:
    """A reason that no bar has any longer is a mistake in its words."""
    words = {bar.what for bar in (*bars.judge(results), *bars.goals(results))}
    callbacks = {what for what in bars._REASONS if "callbacks" in what}  # they are measured apart
    assert bars._REASONS.keys() - callbacks <= words
