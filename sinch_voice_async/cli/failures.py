"""How a command fails: what happened, what to do about it, and the exit code, in the terms of the command line."""

import enum
import re
from typing import Final

import attrs

import sinch_voice_async

__all__ = ["ExitCode", "Failure", "StoppedError", "explain", "in_options", "masked"]


class ExitCode(enum.IntEnum):
    """One number for each thing that a script would do differently: documented and stable."""

    OK = 0
    FAILED = 1
    """A check found a fault, or something failed that no other code fits: a file, a garbled answer."""
    USAGE = 2
    """The arguments or the settings are wrong; nothing was sent."""
    REJECTED = 3
    """The platform refused; or a campaign ended in which contacts were rejected or skipped."""
    NOT_FOUND = 4
    """The call, conference or recording does not exist."""
    AUTHENTICATION = 5
    """The key, the secret or the timestamp was refused."""
    UNSENT = 6
    """The platform could not be reached, and nothing was sent: safe to repeat."""
    UNKNOWN = 7
    """Sent, and no good answer came: the telephone may have rung. Do not repeat it blindly."""
    INTERRUPTED = 130
    """Ctrl-C, or another signal to stop."""


class StoppedError(Exception):
    """Ctrl-C; the message says what became of what was under way."""


@attrs.frozen
class Failure:
    """One failure as a person and a script are told of it."""

    code: ExitCode
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}{'' if self.sentence.endswith(('?', '.)')) else '.'} {self.advice}".strip()


_NUMBER: Final = re.compile(r"\+\d{5,15}\b|(?<![\w.:/-])\d{7,15}(?![\w.:-])")
_DOCTOR: Final = "`sinch-voice doctor` finds out why."

# Parameters of the library whose options have another name.
_OPTIONS: Final = {
    "number": "--number-column",
    "zone": "--zone-column",
    "priority": "--priority-column",
    "overwrite": "--force",
    "calls_per_second": "--cps",
    "do_not_call": "--do-not-call",
    "callback_headers": "--callback-header",
    "moh_class": "--moh",
    # No option takes the secret.
    "application_secret": "the application secret",
    "keys": "KEYS",
    "starts_at": "--start",
    "destination": "DESTINATION",
    "primary": "PRIMARY",
    "fallback": "FALLBACK",
}
_ASSIGNED: Final = re.compile(
    r"""(?:[Ss]et |[Pp]ass )?\b(?P<name>[a-z][a-z_]*)=(?:(?P<true>True)|(?P<quote>['"])(?P<text>.*?)(?P=quote))?"""
)
_PARAMETERS: Final = (
    "application_key application_secret base_url configuration_url allow_insecure max_text_length spend_limit "
    "in_flight starts_at poll_interval calls_per_second do_not_call max_call_duration network_timeout attempts_per_day "
    "enable_ace enable_dice enable_pie callback_headers conference_id call_id max_duration moh_class"
)
# Exceptions of the client, of which the journal keeps the names.
_ERRORS: Final = {
    "ConnectError": "no connection to the platform",
    "RequestTimeoutError": "no answer in time",
    "TransportError": "the connection broke",
    "DecodeError": "an answer that could not be read",
    "CampaignError": "an unusable answer of the client",
    "CancelledError": "stopped in the middle",
}
_ERROR: Final = re.compile(rf"\b({'|'.join(_ERRORS)})\b")
_NAMED: Final = re.compile(rf"\b({'|'.join(_PARAMETERS.split())})\b")
_LEADING: Final = re.compile(
    "^(country|encoding|delimiter|cli|locale|dtmf|domain|custom|greeting|prompts|region|timeout|proxy|until|window|"
    "follow|capability|start|end|limit|concurrency)(?= (?:must|is|cannot|has)\\b)"
)
_ARGUMENTS: Final = {"conference_id": "CONFERENCE_ID", "call_id": "CALL_ID"}


def explain(error: Exception) -> Failure:
    """Say what an exception means to the person who gave the command."""
    if isinstance(error, sinch_voice_async.SinchVoiceError):
        sentence = masked(_of_the_field(error)).rstrip(".")
        return Failure(_code(error), sentence, _advice(error))
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Failure(ExitCode.FAILED, f"{name}{error.strerror or error}")
    return Failure(
        ExitCode.FAILED,
        f"This is a fault of the program: {type(error).__name__}",
        "Set SINCH_VOICE_DEBUG=1 to see where it is, and please report it.",
    )


def masked(text: str) -> str:
    """Hide telephone numbers but for their last two digits, and name options as the command line does."""
    return in_options(_NUMBER.sub(lambda found: "*" * (len(found[0]) - 2) + found[0][-2:], text))


def in_options(text: str) -> str:
    """Replace names of Python: ``pass encoding="cp1252"`` by ``pass --encoding cp1252``, exceptions by words."""

    def option(found: "re.Match[str]") -> str:
        verb = "pass " if found[0].lower().startswith(("set ", "pass ")) else ""
        value = f" {found['text']}" if found["text"] else ""
        return f"{verb}{_option(found['name'])}{value}"

    text = _LEADING.sub(lambda found: _option(found[1]), _ASSIGNED.sub(option, text))
    text = _ERROR.sub(lambda found: _ERRORS[found[1]], text)
    return _NAMED.sub(lambda found: _option(found[1]), text)


def _option(name: str) -> str:
    return _ARGUMENTS.get(name) or _OPTIONS.get(name) or "--" + name.replace("_", "-")


def _of_the_field(error: "sinch_voice_async.SinchVoiceError") -> str:
    """Return the message of an error, with the name of the field that it begins with as the command line has it."""
    text, field = str(error), getattr(error, "field", None)
    if field and field not in ("number", "zone", "text") and re.match(rf"{re.escape(field)}\b", text):
        return _option(field) + text[len(field) :]
    return text


def _code(error: "sinch_voice_async.SinchVoiceError") -> ExitCode:
    if isinstance(error, (sinch_voice_async.ConfigurationError, sinch_voice_async.InvalidRequestError)):
        return ExitCode.USAGE
    if isinstance(error, sinch_voice_async.NotFoundError):
        return ExitCode.NOT_FOUND
    if isinstance(error, sinch_voice_async.AuthenticationError):
        return ExitCode.AUTHENTICATION
    if isinstance(error, sinch_voice_async.CampaignError):
        return ExitCode.FAILED
    return _BY_OUTCOME.get(error.outcome, ExitCode.FAILED)


_BY_OUTCOME: Final = {"rejected": ExitCode.REJECTED, "unsent": ExitCode.UNSENT, "unknown": ExitCode.UNKNOWN}


def _advice(error: "sinch_voice_async.SinchVoiceError") -> str:
    if isinstance(error, sinch_voice_async.RateLimitedError):
        return f"Wait {error.retry_after or 1:g} s, then ask less often."
    if isinstance(error, sinch_voice_async.DownloadError) and error.part_path is not None:
        return "Run the same command again and it resumes where this one ended."
    for cls, advice in (
        (sinch_voice_async.ConfigurationError, ""),
        (sinch_voice_async.InvalidRequestError, ""),
        (sinch_voice_async.CampaignError, " ".join(getattr(error, "__notes__", ()))),
        (sinch_voice_async.NotFoundError, "Check the id and the region: a call or conference lives in one only."),
        (sinch_voice_async.AuthenticationError, f"Nothing was done; {_DOCTOR}"),
        (sinch_voice_async.PaymentRequiredError, "The account needs credit."),
        (sinch_voice_async.ForbiddenError, "Check in the dashboard that the application may call there."),
    ):
        if isinstance(error, cls):
            return advice
    return _BY_EFFECT.get(error.outcome, "")


_BY_EFFECT: Final = {
    "unsent": f"Nothing was sent, so it is safe to try again; {_DOCTOR}",
    "unknown": "It may have been acted on all the same: look before you repeat it.",
}
