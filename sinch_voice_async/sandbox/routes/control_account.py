"""The control API's account: the application, and what may happen to it."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.control_table import Control, given

__all__ = ["AccountControls", "described"]


class AccountControls:
    """Reads and sets an account; its secret is nobody's business."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        members = {
            "primary": "the primary callback URL",
            "fallback": "the fallback callback URL",
            "outOfCredit": "answer 40200 to every callout",
            "forbidden": "number prefixes that may not be called",
            "maxTextLength": "characters that may be spoken at once",
        }
        return [Control("GET", "/account", self.get), Control("PATCH", "/account", self.change, members)]

    async def get(self, _request: Request, _fields: Fields) -> Response:
        """Tell the application's key, callback URLs and limits."""
        return JSONResponse(described(self._account))

    async def change(self, request: Request, fields: Fields) -> Response:
        """Set callback URLs, credit and limits; what is left out stays as it was."""
        account, urls = self._account, self._account.callback_urls
        primary, fallback = _url(fields, "primary", urls.primary), _url(fields, "fallback", urls.fallback)
        forbidden = set(fields.texts("forbidden")) if given(fields, "forbidden") else account.forbidden
        out_of_credit = fields.flag("outOfCredit") if given(fields, "outOfCredit") else account.out_of_credit
        account.max_text_length = fields.whole("maxTextLength", least=1) or account.max_text_length
        account.forbidden, account.out_of_credit = forbidden, out_of_credit
        urls.primary, urls.fallback = primary, fallback
        return await self.get(request, fields)


def described(account: Account) -> dict[str, object]:
    """Return the account as JSON has it."""
    return {
        "applicationKey": account.application_key,
        "primary": account.callback_urls.primary,
        "fallback": account.callback_urls.fallback,
        "outOfCredit": account.out_of_credit,
        "forbidden": sorted(account.forbidden),
        "maxTextLength": account.max_text_length,
    }


def _url(fields: Fields, name: str, current: str) -> str:
    url = fields.text(name)
    if url and not url.lower().startswith(("http://", "https://")):
        fields.illegal(name, "must be an http or https URL")
    return current if url is None else url
