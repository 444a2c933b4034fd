"""Campaigns: many callouts, paced and bounded; no number is dialled twice."""

import warnings
from typing import Any

from sinch_voice_async.dialer.attempt import attempt_id_of, callout_with_detection, own_custom
from sinch_voice_async.dialer.batches import Batch, Engine, Plan, Tally
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.contacts import BrokenRow, Contact, read_numbers
from sinch_voice_async.dialer.distributed import dial_batch_blocking, plan_blocking
from sinch_voice_async.dialer.eligibility import CallingWindow, DoNotCallFile, RedialRules
from sinch_voice_async.dialer.journal import (
    Added,
    AttemptUpdate,
    Change,
    Claim,
    ContactState,
    Control,
    Counts,
    Journal,
    Outcome,
    RowFate,
    Total,
)
from sinch_voice_async.dialer.opt_out import OptOut, OptOutList, SharedCap
from sinch_voice_async.dialer.pacing import Clock, Pacer, SystemClock
from sinch_voice_async.dialer.report import Report
from sinch_voice_async.dialer.results import ResultStream, verify_results
from sinch_voice_async.dialer.run import CampaignRun, Preview, RunStatus
from sinch_voice_async.dialer.settings import Difference, KeptCampaign, kept
from sinch_voice_async.dialer.shift import Shift
from sinch_voice_async.dialer.sources import (
    ContactFile,
    read_contacts,
    read_csv,
    read_json,
    read_json_lines,
    read_parquet,
    read_xlsx,
)
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal

__all__ = [
    "Added",
    "AttemptUpdate",
    "Batch",
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
    "Control",
    "Counts",
    "Difference",
    "DoNotCallFile",
    "Engine",
    "Journal",
    "KeptCampaign",
    "OptOut",
    "OptOutList",
    "Outcome",
    "Pacer",
    "Plan",
    "Preview",
    "RedialRules",
    "Report",
    "ResultStream",
    "RowFate",
    "RunStatus",
    "SharedCap",
    "Shift",
    "SqliteJournal",
    "SystemClock",
    "Tally",
    "Total",
    "attempt_id_of",
    "callout_with_detection",
    "dial_batch_blocking",
    "kept",
    "own_custom",
    "plan_blocking",
    "read_contacts",
    "read_csv",
    "read_json",
    "read_json_lines",
    "read_numbers",
    "read_parquet",
    "read_xlsx",
    "verify_results",
]

_FORMER_NAMES = {"News": AttemptUpdate, "intent_of": attempt_id_of}


def __getattr__(name: str) -> Any:
    """Return a public name that was renamed, with a warning."""
    if name in _FORMER_NAMES:
        found: Any = _FORMER_NAMES[name]
        warnings.warn(f"sinch_voice_async.dialer.{name} is now {found.__name__}", DeprecationWarning, stacklevel=2)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
