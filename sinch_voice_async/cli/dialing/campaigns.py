"""Options -> a campaign, and the callout for each contact."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from sinch_voice_async import ConfigurationError, InvalidRequestError, TtsCallout
from sinch_voice_async.cli.dialing.template import Template
from sinch_voice_async.dialer import CallingWindow, Campaign, Contact, RedialRules, SqliteJournal, read_numbers

__all__ = ["Wanted", "check_shared", "existing", "name_of"]


@frozen(kw_only=True)
class Wanted:
    """What was said on the command line about whom to call, with what, how fast and when."""

    text: str
    cli: str | None
    locale: str | None
    max_text_length: int
    cps: float
    in_flight: int
    window: str | None
    zone: str | None
    do_not_call: Path | None
    spend_limit: str | None
    attempts: int
    redial_after: float
    redial_declined: bool
    follow: Literal["poll", "callbacks", "none"]
    poll_interval: float

    def campaign(self, journal: str, name: str | None) -> Campaign:
        """Return the campaign.

        :raises ConfigurationError: something of it cannot be.
        """
        return Campaign(
            name or name_of(journal),
            journal=journal,
            calls_per_second=self.cps,
            in_flight=self.in_flight,
            window=_window(self.window, self.zone),
            redial=self._redial_rules(),
            do_not_call=() if self.do_not_call is None else read_numbers(self.do_not_call),
            spend_limit=self.spend_limit,
            follow=None if self.follow == "none" else self.follow,
            poll_interval=self.poll_interval,
        )

    def _redial_rules(self) -> RedialRules | None:
        if self.attempts == 1:
            return None
        return RedialRules(attempts=self.attempts, delay=self.redial_after, redial_declined=self.redial_declined)

    def callout_of(self) -> Callable[[Contact], TtsCallout]:
        """Return what makes the callout of a contact; it raises ``InvalidRequestError`` where there can be none.

        :raises ConfigurationError: the template is none.
        """
        template = Template.parse(self.text)

        def make(contact: Contact) -> TtsCallout:
            text = template.render(contact)
            if len(text) > self.max_text_length:
                raise InvalidRequestError(
                    f"the text has {len(text)} characters, and at most {self.max_text_length} may be spoken",
                    field="text",
                )
            return TtsCallout(destination=contact.number, text=text, cli=self.cli, locale=self.locale, enable_dice=True)

        return make


def name_of(journal: str) -> str:
    """Return the name of the campaign that a journal keeps, where none was given."""
    return Path(urlsplit(journal).path if "://" in journal else journal).stem or "campaign"


def existing(journal: str, name: str | None) -> Campaign:
    """Return a campaign to look at, which is not to be made by looking.

    :raises ConfigurationError: there is no such journal.
    """
    if "://" not in journal and not Path(journal).exists():
        raise ConfigurationError(f"there is no journal {journal}")
    return Campaign(name or name_of(journal), journal=journal)


def check_shared(campaign: Campaign) -> None:
    """Make sure that several workers can have a campaign.

    :raises ConfigurationError: its journal is a file.
    """
    if isinstance(campaign.journal, SqliteJournal):
        raise ConfigurationError("workers share a journal in PostgreSQL: name it as postgresql://user@host/database")


def _window(hours: str | None, zone: str | None) -> CallingWindow | None:
    if hours is None:
        if zone is not None:
            raise ConfigurationError("--zone goes with --window")
        return None
    opens, dash, closes = hours.partition("-")
    if not dash:
        raise ConfigurationError("--window must be such as 09:00-20:00")
    return CallingWindow(opens.strip(), closes.strip(), zone=zone)
