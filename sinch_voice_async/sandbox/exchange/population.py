"""Everybody at once: people at every number, drawn by chance that always falls the same way.

Who is at a number depends on the number and the seed alone: not on when it is rung, how often, or after which others.
So a campaign that is rehearsed twice, or in pieces, meets the same people.
"""

import random
from dataclasses import dataclass, fields

from sinch_voice_async.sandbox.exchange.person import Person

__all__ = ["Population"]

MACHINE_BEEPS_AFTER = 8.0
MACHINE_RECORDS_FOR = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What share of all numbers does what, 0.0 to 1.0; the shares add up to 1. Pairs are the least and most seconds.

    Raises ValueError for shares that do not add up, and for times that are none.
    """

    answer: float = 1.0
    """Somebody picks up, listens, and hangs up."""
    busy: float = 0.0
    no_answer: float = 0.0
    machine: float = 0.0
    """An answering machine picks up."""
    seed: int = 0
    """Another seed is another town."""
    rings_for: tuple[float, float] = (2.0, 15.0)
    """How long it rings before somebody picks up."""
    talks_for: tuple[float, float] = (5.0, 45.0)
    """How long somebody listens before they hang up."""

    def __post_init__(self) -> None:
        shares = self.shares
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be a share from 0 to 1")
        if abs(sum(shares.values()) - 1.0) > 1e-9:
            raise ValueError(f"the shares {', '.join(shares)} add up to {sum(shares.values()):g} and not to 1")
        for name in ("rings_for", "talks_for"):
            least, most = getattr(self, name)
            if not 0.0 <= least <= most < float("inf"):
                raise ValueError(f"{name} must be the least and the most seconds")

    @property
    def shares(self) -> dict[str, float]:
        """The shares by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)[:4]}

    def at(self, number: str) -> Person:
        """Return who is at a number, which is written without a plus sign."""
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311  # nobody is to be surprised
        shares = self.shares
        [kind] = chance.choices(list(shares), list(shares.values()))
        rings, talks = chance.uniform(*self.rings_for), chance.uniform(*self.talks_for)
        match kind:
            case "busy":
                return Person(refuses="busy")
            case "no_answer":
                return Person(answers_after=None)
            case "machine":
                return Person(
                    answers_after=rings,
                    hangs_up_after=MACHINE_BEEPS_AFTER + MACHINE_RECORDS_FOR,
                    is_machine=True,
                    beeps_after=MACHINE_BEEPS_AFTER,
                )
            case _:
                return Person(answers_after=rings, hangs_up_after=talks)
