"""What the platform itself says: a signed request to each of its hosts that changes nothing, and what its answer tells.

The ``Date`` of any answer, a refusal too, is the platform's clock.
"""

import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import anyio
import attrs

from sinch_voice_async import (
    APIError,
    AuthenticationError,
    NotFoundError,
    SinchVoiceError,
    VoiceClient,
)
from sinch_voice_async.cli.doctor.checks import Check, failed, passed, skipped, warning
from sinch_voice_async.cli.failures import masked

__all__ = ["Answer", "ask", "examine_answer", "examine_clock", "search"]

_TOLERABLE = 5.0
_HARMFUL = 60.0
_SET_CLOCK = "Set the clock of this machine, and let it follow a time server (NTP)."
_REFUSALS: Final = {
    40101: ("the timestamp was refused", _SET_CLOCK),
    40105: ("the timestamp was refused as expired", _SET_CLOCK),
    40102: (
        "the signature was refused: the secret does not belong to this key",
        "Copy key and secret of the same application from the dashboard once more, the secret whole and undecoded.",
    ),
    40107: (
        "the platform knows no such application key",
        "Copy the key from the dashboard, and check that SINCH_APPLICATION_KEY is not another application's.",
    ),
    40108: (
        "key or secret was refused",
        "Copy key and secret of the same application from the dashboard once more.",
    ),
    40301: ("this kind of authorization is refused", "Try the other one: --auth signed or --auth basic."),
}


@attrs.frozen
class Answer:
    """What came back for one harmless request; ``error`` is None where all was well."""

    host: str
    headers: Mapping[str, str]
    error: SinchVoiceError | None
    at: float


async def ask(client: VoiceClient, host: str, *, configuration: bool) -> Answer:
    """Send the harmless request: the list of numbers, or a call that cannot exist and is rightly not found."""
    path = "/v1/configuration/numbers" if configuration else "/calling/v1/calls/id/sinch-voice-doctor"
    try:
        response = await client.request("GET", path, configuration=configuration)
    except NotFoundError as error:
        found = None if not configuration and error.code is not None else error
        return Answer(host, error.headers, found, time.time())
    except APIError as error:
        return Answer(host, error.headers, error, time.time())
    except SinchVoiceError as error:
        return Answer(host, {}, error, time.time())
    return Answer(host, response.headers, None, time.time())


def examine_answer(answer: Answer) -> Check:
    """Say what the answer to the signed request tells."""
    name, error = f"signed request {answer.host}", answer.error
    if error is None:
        return passed(name, "accepted")
    code = error.code if isinstance(error, APIError) else None
    if code in _REFUSALS:
        found, advice = _REFUSALS[code]
        return failed(name, f"{found} ({code})", advice)
    found = masked(str(error))
    if isinstance(error, APIError) and 300 <= error.status < 400:
        advice = (
            "This host sends requests elsewhere, which a signed one does not follow: check --region and --base-url."
        )
        return failed(name, found, advice)
    if isinstance(error, AuthenticationError):
        return failed(name, found, "Copy key and secret of the same application from the dashboard once more.")
    if isinstance(error, APIError) and error.code is None:
        advice = "What answers there does not speak as the platform does: check --region, --base-url and the proxy."
        return failed(name, found, advice)
    return failed(name, found, "The steps above say how far requests come; try again in a minute.")


def examine_clock(answers: list[Answer]) -> Check:
    """Compare this machine's clock with the ``Date`` of an answer, which has whole seconds."""
    offsets = [offset for offset in map(_offset, answers) if offset is not None]
    if not offsets:
        return skipped("clock", "no answer had a date to compare with")
    offset = offsets[0]
    found = f"{abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the platform's"
    if abs(offset) <= _TOLERABLE:
        return passed("clock", f"within {_TOLERABLE:g} s of the platform's")
    if abs(offset) <= _HARMFUL:
        return warning("clock", found, _SET_CLOCK)
    advice = f"{_SET_CLOCK} The platform refuses timestamps that are far off; callbacks are refused here as stale."
    return failed("clock", found, advice)


def _offset(answer: Answer) -> float | None:
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() + 0.5 - answer.at


async def search(
    kind: Literal["call", "conference"], wanted: str, clients: Mapping[str, VoiceClient], current: str
) -> Check:
    """Look for a call or conference in every region, each by its own client; ``current`` is the one in use."""
    found: list[str] = []
    silent: list[str] = []

    async def look(region: str, client: VoiceClient) -> None:
        try:
            await (client.calls.get(wanted) if kind == "call" else client.conferences.get(wanted))
            found.append(region)
        except NotFoundError:
            pass
        except SinchVoiceError:
            silent.append(region)

    async with anyio.create_task_group() as tasks:
        for region, client in clients.items():
            tasks.start_soon(look, region, client)
    name = f"region of the {kind}"
    if current in found:
        return passed(name, f"{current} knows it")
    if found:
        return failed(name, f"{current} does not know it, {found[0]} does", f"Use --region {found[0]} for it.")
    unasked = f"; no answer from {', '.join(sorted(silent))}" if silent else ""
    return failed(name, f"no region knows it{unasked}", f"It has ended, or the id is another application's {kind}.")
