"""What became of a campaign, as JSON and as text."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from sinch_voice_async.dialer import Campaign, Outcome, Report

__all__ = ["Reported", "record", "report"]


@frozen
class Reported:
    """A report: its totals for programs, its text for people, and whether telephones may have rung unknown to all."""

    totals: dict[str, Any]
    text: str
    has_unknown: bool


def record(outcome: Outcome) -> dict[str, Any]:
    """Return one contact as JSON has it."""
    placed = outcome.placed_at
    return {
        "number": outcome.number,
        "state": str(outcome.state),
        "result": outcome.result,
        "reason": outcome.reason,
        "attempts": outcome.attempt,
        "duration": outcome.duration,
        "call_id": outcome.call_id,
        "placed_at": None if placed is None else datetime.fromtimestamp(placed, UTC).isoformat(timespec="seconds"),
        "note": outcome.note,
    }


async def report(campaign: Campaign, output: Path | None) -> Reported:
    """Look into the journal, and write every contact into ``output``: JSON where it is named so, else CSV.

    :raises CampaignError: the journal cannot be read, or the file cannot be written.
    """
    found = await campaign.report()
    if output is not None:
        await (found.write_json(output) if output.suffix.lower() == ".json" else found.write_csv(output))
    return Reported(_totals(found), str(found), bool(found.unknown))


def _totals(found: Report) -> dict[str, Any]:
    return {
        "campaign": found.campaign,
        "contacts": found.contacts,
        "states": {str(state): count for state, count in found.states.items()},
        "results": found.results,
        "skipped": found.skipped,
        "rejected": found.rejected,
        "attempts": found.attempts,
        "spent": found.spent,
        "rate": found.rate,
        "broken": found.broken,
    }
