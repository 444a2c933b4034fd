"""An exception -> what happened, what to do about it, and the exit code: two plain sentences at most."""

import re
from typing import Final

import attrs

import sinch_voice_async
from sinch_voice_async.cli.exit_codes import ExitCode

__all__ = ["Failure", "explain", "masked"]

_NUMBER: Final = re.compile(r"\+\d{5,15}\b|(?<![\w.:/-])\d{7,15}(?![\w.:-])")
_PARAMETER: Final = re.compile(
    r"\b(application_key|base_url|configuration_url|allow_insecure|max_text_length|spend_limit|in_flight|poll_interval)"
    r"(?:=True)?\b"
)
_DOCTOR = "`sinch-voice doctor` finds out why."


@attrs.frozen
class Failure:
    """One failure as a person and a script are told of it."""

    code: ExitCode
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}. {self.advice}".strip()


def explain(error: Exception) -> Failure:
    """Say what an exception means to whoever gave the command."""
    if isinstance(error, sinch_voice_async.SinchVoiceError):
        sentence = masked(str(error)).rstrip(".")
        return Failure(_code(error), sentence, _advice(error))
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Failure(ExitCode.FAILED, f"{name}{error.strerror or error}")
    return Failure(
        ExitCode.FAILED,
        f"This is a fault of the program: {type(error).__name__}",
        "Set SINCH_VOICE_DEBUG=1 to see where it is, and report it, please.",
    )


def masked(text: str) -> str:
    """Hide telephone numbers but for their last two digits, and name options as the command line does."""
    text = _NUMBER.sub(lambda found: "*" * (len(found[0]) - 2) + found[0][-2:], text)
    return _PARAMETER.sub(lambda found: "--" + found[1].replace("_", "-"), text)


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
        return "The same command goes on where this one ended."
    for cls, advice in (
        (sinch_voice_async.ConfigurationError, ""),
        (sinch_voice_async.InvalidRequestError, ""),
        (sinch_voice_async.JournalError, ""),
        (sinch_voice_async.CampaignError, "Nobody is dialled twice when it is run again."),
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
