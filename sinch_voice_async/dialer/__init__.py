"""Campaigns: many callouts, paced and bounded, and nobody rung twice."""

from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.clock import Clock, SystemClock
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.counts import Counts
from sinch_voice_async.dialer.intent import intent_of, own_custom
from sinch_voice_async.dialer.journal import Claim, Journal, News, Outcome, Total
from sinch_voice_async.dialer.pacer import Pacer
from sinch_voice_async.dialer.preview import Preview
from sinch_voice_async.dialer.report import Report
from sinch_voice_async.dialer.rules import RedialRules
from sinch_voice_async.dialer.run import CampaignRun
from sinch_voice_async.dialer.sources import (
    ContactFile,
    read_contacts,
    read_csv,
    read_json,
    read_json_lines,
    read_numbers,
    read_parquet,
    read_xlsx,
)
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.dialer.states import Change, ContactState
from sinch_voice_async.dialer.window import CallingWindow

__all__ = [
    "BrokenRow",
    "CallingWindow",
    "Campaign",
    "CampaignRun",
    "Change",
    "Claim",
    "Clock",
    "Contact",
    "ContactFile",
    "ContactState",
    "Counts",
    "Journal",
    "News",
    "Outcome",
    "Pacer",
    "Preview",
    "RedialRules",
    "Report",
    "SqliteJournal",
    "SystemClock",
    "Total",
    "intent_of",
    "own_custom",
    "read_contacts",
    "read_csv",
    "read_json",
    "read_json_lines",
    "read_numbers",
    "read_parquet",
    "read_xlsx",
]
