"""Campaigns: many callouts, paced and bounded, and nobody rung twice."""

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import Claim, Journal, News, Outcome, Total
from sinch_voice_async.dialer.states import Change, ContactState

__all__ = ["BrokenRow", "Change", "Claim", "Contact", "ContactState", "Journal", "News", "Outcome", "Total"]
