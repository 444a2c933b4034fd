"""The figures of a run: every round is kept, the median is shown, and a ratio is taken round by round."""

import statistics
from typing import Any, Self

import attrs

from benchmarks.plan import Case

__all__ = ["Figure", "Results"]


class Figure(float):
    """A figure that knows how many rounds it is from."""

    rounds: int

    def __new__(cls, value: float, rounds: int) -> Self:
        """Make it of its value."""
        made = super().__new__(cls, value)
        made.rounds = rounds
        return made

    def times(self, factor: float) -> "Figure":
        """Return it in another unit."""
        return Figure(self * factor, self.rounds)


@attrs.define
class Results:
    """What was measured, by case."""

    rounds: dict[Case, list[dict[str, Any]]] = attrs.field(factory=dict)

    def add(self, case: Case, figures: dict[str, Any]) -> None:
        """Keep the figures of one more round."""
        self.rounds.setdefault(case, []).append(figures)

    def has_failed(self, case: Case) -> bool:
        """Whether an earlier round failed: then there is no point in another."""
        return any("failed" in figures for figures in self.rounds.get(case, []))

    def find(
        self, kind: str, client: str, backend: str = "asyncio", scheme: str = "http", in_flight: int = 1
    ) -> Case | None:
        """Return the case that was run with these, if one was."""
        wanted = (kind, client, backend, scheme, in_flight)
        for case in self.rounds:
            if (case.kind, case.client, case.backend, case.scheme, case.in_flight) == wanted:
                return case
        return None

    def values(self, case: Case | None, figure: str) -> list[float]:
        """Return one figure of each round; nothing if the case was not run, or failed."""
        return [figures[figure] for figures in self.rounds.get(case, []) if figure in figures] if case else []

    def median(self, case: Case | None, figure: str) -> Figure | None:
        """Return the median over the rounds."""
        values = self.values(case, figure)
        return Figure(statistics.median(values), len(values)) if values else None

    def worst(self, case: Case | None, figure: str) -> Figure | None:
        """Return the highest of the rounds."""
        values = self.values(case, figure)
        return Figure(max(values), len(values)) if values else None

    def ratio(self, case: Case | None, other: Case | None, figure: str) -> Figure | None:
        """Return the median of the rounds' own ratios: both sides of each met the same minute of the machine."""
        # A case that is left out of a round is left out of all that follow, so the rounds of both are the same ones.
        pairs = list(zip(self.values(case, figure), self.values(other, figure), strict=False))
        return Figure(statistics.median(one / two for one, two in pairs), len(pairs)) if pairs else None

    def failure(self, case: Case | None) -> str | None:
        """Return why a case has no figures."""
        failures = [figures["failed"] for figures in self.rounds.get(case, []) if "failed" in figures] if case else []
        return failures[0] if failures else None
