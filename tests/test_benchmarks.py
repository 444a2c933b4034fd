"""The command that measures renews the README's section from its results, and nothing else."""

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

readme: Any = pytest.importorskip("benchmarks.readme", reason="only a clone has the benchmarks")

from benchmarks import bars, plan, run, tables  # noqa: E402  # after the skip
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


class Watched(Results):
    """Results that write down which cases a ratio is made of."""

    def __init__(self, results: Results) -> None:
        super().__init__(results.rounds)
        self.compared: set[Any] = set()

    def ratio(self, case: Any, other: Any, figure: str) -> Any:
        """Write both down."""
        self.compared.update(each for each in (case, other) if each is not None)
        return super().ratio(case, other, figure)


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["no time", "all the time"])
def test_each_ratio_is_from_three_rounds(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """What a bar or a goal compares has three rounds or five, however short the run is; each case has one."""
    cases = plan.full()
    runner = Recording()
    monkeypatch.setattr(run, "_runner", lambda _: contextlib.nullcontext(runner))
    results, _ = run.run(cases, lambda case, number: None, seconds)
    watched = Watched(results)
    found = [*bars.judge(watched), *bars.goals(watched)]
    assert len(watched.compared) >= 20
    assert {len(results.rounds[case]) for case in watched.compared} == {3, 5}
    assert {bar.rounds for bar in found if bar.allowed.endswith(" x") and bar.met is not None} == {3, 5}
    for case in cases:
        assert len(results.rounds[case]) == (case.rounds if seconds or case.compared else 1)


def test_growth_is_measured_within_a_moment() -> None:
    """1,000 in flight comes at once after 100: the speed of the machine changes within minutes."""
    for cases in (plan.full(), plan.quick()):
        loads = [case for case in cases if (case.kind, case.client, case.scheme) == ("load", "ours", "http")]
        for backend in ("asyncio", "uvloop", "trio"):
            few, many = (
                next(case for case in loads if (case.backend, case.in_flight) == (backend, count))
                for count in (100, 1000)
            )
            assert cases.index(many) == cases.index(few) + 1


def test_tables_and_readme_say_how_many_rounds(results: Results) -> None:
    """A figure from one round does not look like a median of three."""
    page = "<!-- benchmarks -->\n<!-- /benchmarks -->\n"
    assert "each figure is from 1 round. " in " ".join(readme.renewed(page, results, ABOUT).split())
    again = [case for case in results.rounds if case.compared]
    for case in again * 2:
        results.add(case, results.rounds[case][0])
    assert "the median of 1 to 3 interleaved rounds. " in " ".join(readme.renewed(page, results, ABOUT).split())
    shown = {table.title: table for table in tables.tables(results)}
    assert all(table.head.count("rounds") == 1 for table in shown.values())
    assert all(len(row) == len(table.head) for table in shown.values() for row in table.rows)
    costs = shown["Processor time per callout in microseconds (x ours), asyncio, plain HTTP"]
    assert {row[-1] for row in costs.rows} == {"1 / 3 / 1", "1 / 1 / 1", "1 / 3 / 3", "1 / 1 / -"}


class Recording:
    """A runner without processes: every case costs the same."""

    servers: Final = {0.0: SimpleNamespace(name="none")}

    def figures(self, case: Any) -> dict[str, float]:
        """Return figures of each kind."""
        names = ("cpu_us", "per_second", "answered", "stall_ms", "mb_per_second", "milliseconds", "kb_each")
        return dict.fromkeys(names, 1.0)
