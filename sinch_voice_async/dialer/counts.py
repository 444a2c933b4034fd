"""How a campaign stands, live: how many contacts are where, and what their calls came to."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from attrs import define, field

from sinch_voice_async.dialer.journal import Outcome, Total
from sinch_voice_async.dialer.states import ContactState

__all__ = ["Counts"]


@define(eq=False)
class Counts:
    """The numbers of a campaign, all runs of it together; ``counts.states[ContactState.DONE]``.

    ``results`` counts calls that are over by their result (``ANSWERED``, ``BUSY`` …), ``placed`` the callouts that this
    run has sent, but for those whose contact went back or was skipped, ``broken`` the rows that could not be read,
    ``duplicates`` the rows of this run whose number was there already, which all are where a campaign is continued.
    ``spent`` is the known cost, whatever the currency.
    """

    states: Counter[ContactState] = field(factory=Counter)
    results: Counter[str] = field(factory=Counter)
    placed: int = 0
    broken: int = 0
    duplicates: int = 0
    spent: Decimal = Decimal()
    dearest: Decimal = Decimal()

    def start(self, totals: Iterable[Total]) -> None:
        """Begin with what the journal says."""
        for total in totals:
            self.states[total.state] += total.contacts
            self.spent += total.spent
            if total.state is ContactState.DONE:
                self.results[total.result or "N/A"] += total.contacts

    def move(self, source: ContactState, outcome: Outcome) -> None:
        """Take a contact from one state to the one that it is in now."""
        self.states[source] -= 1
        self.states[outcome.state] += 1
        if source is ContactState.DONE:
            self.results[outcome.result or "N/A"] -= 1
        if outcome.state is ContactState.DONE:
            self.results[outcome.result or "N/A"] += 1
        if outcome.state is ContactState.DONE and outcome.price is not None:
            self.spent += outcome.price.amount
            self.dearest = max(self.dearest, outcome.price.amount)
