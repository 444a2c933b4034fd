"""What the platform knows of the customer: the application, its credit, numbers and callback URLs."""

from dataclasses import dataclass, field

__all__ = ["Account", "CallbackUrls"]


@dataclass(slots=True)
class CallbackUrls:
    """Where events go: ``fallback`` is used only when ``primary`` fails."""

    primary: str = ""
    fallback: str = ""


@dataclass(slots=True)
class Account:
    """One application and what may happen to it; every attribute may be set while the sandbox runs."""

    application_key: str
    application_secret: str = field(repr=False)
    max_text_length: int = 600
    """Characters that may be spoken at once; an account may have it raised."""
    out_of_credit: bool = False
    """Answer 40200 to every callout."""
    forbidden: set[str] = field(default_factory=set)
    """Number prefixes that may not be called, as in ``"+882"``: 40300."""
    other_applications: set[str] = field(default_factory=set)
    """Keys of the same customer's other applications; numbers may be assigned to them."""
    callback_urls: CallbackUrls = field(default_factory=CallbackUrls)

    def owns(self, application_key: str) -> bool:
        """Whether the customer has an application with this key."""
        keys = {self.application_key, *self.other_applications}
        return application_key.lower() in {key.lower() for key in keys}

    def forbids(self, number: str) -> bool:
        """Whether this number may not be called."""
        return any(number.lstrip("+").startswith(prefix.lstrip("+")) for prefix in self.forbidden)
