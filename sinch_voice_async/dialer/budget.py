"""How much a campaign may spend: what is known to be spent, and what the calls that are alive may still cost."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeAlias

from attrs import frozen

from sinch_voice_async.dialer.counts import Counts

__all__ = ["Budget", "Room"]

Room: TypeAlias = Literal["yes", "not yet", "no"]


@frozen
class Budget:
    """Says whether there is room for one more call; ``alive`` is how many have a cost that is not known yet."""

    limit: Decimal | None
    counts: Counts
    alive: Callable[[], int]

    def room(self) -> Room:
        """Answer ``no`` where the limit is reached, and ``not yet`` where the calls alive may reach it."""
        if self.limit is None:
            return "yes"
        if self.counts.spent >= self.limit:
            return "no"
        # Each call alive is taken for as dear as the dearest so far; of the first ones nobody knows.
        expected = self.counts.spent + self.counts.dearest * self.alive()
        return "yes" if expected < self.limit or not self.alive() else "not yet"
