"""Configuration: numbers and callback URLs. The platform has a host for it; the sandbox has one host for everything.

Source: Calling API, Configuration Management Methods.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.account import Account, OwnNumber, OwnNumbers, look_up
from sinch_voice_async.sandbox.exchange.calls import RATE
from sinch_voice_async.sandbox.requests import Endpoint, Fields, RefusalError, body_of, path_member

__all__ = ["ConfigurationRoutes"]


class ConfigurationRoutes:
    """Answers for the numbers and callback URLs of a customer."""

    def __init__(self, account: Account, numbers: OwnNumbers) -> None:
        self._account = account
        self._numbers = numbers

    def endpoints(self) -> list[Endpoint]:
        """Return the routes; older documents write the path of numbers with a trailing slash."""
        callbacks = "/v1/configuration/callbacks/applications/{applicationkey}"
        numbers = [
            endpoint
            for path in ("/v1/configuration/numbers", "/v1/configuration/numbers/")
            for endpoint in (
                Endpoint("GET", path, self.list_numbers),
                Endpoint("POST", path, self.assign),
                Endpoint("DELETE", path, self.unassign),
            )
        ]
        return [
            *numbers,
            Endpoint("GET", callbacks, self.get_callbacks),
            Endpoint("POST", callbacks, self.update_callbacks),
            Endpoint("GET", "/v1/calling/query/number/{number}", self.query),
        ]

    async def list_numbers(self, _request: Request) -> Response:
        """Answer with every number of the customer."""
        return JSONResponse({"numbers": [_described(number) for number in self._numbers]})

    async def assign(self, request: Request) -> Response:
        """Assign 1 to 100 numbers to an application; 204."""
        fields = await body_of(request)
        numbers = fields.texts("numbers") or fields.missing("numbers")
        if len(numbers) > 100:
            fields.illegal("numbers", "must not be more than 100")
        self._numbers.assign(numbers, self._application(fields), fields.choice("capability", ("voice", "sms")))
        return Response(status_code=204)

    async def unassign(self, request: Request) -> Response:
        """Unassign one number from an application; 204."""
        fields = await body_of(request)
        number = fields.required_text("number")
        fields.choice("capability", ("voice", "sms"))
        self._numbers.unassign(number, self._application(fields))
        return Response(status_code=204)

    async def get_callbacks(self, request: Request) -> Response:
        """Answer with an application's callback URLs."""
        self._known(path_member(request, "applicationkey"))
        urls = self._account.callback_urls
        return JSONResponse(
            {"url": {"primary": urls.primary, **({"fallback": urls.fallback} if urls.fallback else {})}}
        )

    async def update_callbacks(self, request: Request) -> Response:
        """Change an application's callback URLs; 204. A URL that is left out stays as it is."""
        self._known(path_member(request, "applicationkey"))
        urls = (await body_of(request)).required_child("url")
        given = {name: urls.text(name) for name in ("primary", "fallback")}
        for name, url in given.items():
            if url and not url.lower().startswith(("http://", "https://")):
                urls.illegal(name, "must be an http or https URL")
        current = self._account.callback_urls
        current.primary = current.primary if given["primary"] is None else given["primary"]
        current.fallback = current.fallback if given["fallback"] is None else given["fallback"]
        return Response(status_code=204)

    async def query(self, request: Request) -> Response:
        """Answer a query of a number. The platform calls it deprecated."""
        found = look_up(path_member(request, "number"))
        number = {
            "countryId": found.country_id,
            "numberType": found.number_type,
            "normalizedNumber": found.normalized_number,
            "restricted": self._account.forbids(found.normalized_number),
            "rate": {"currencyId": "USD", "amount": RATE},
        }
        return JSONResponse({"number": number})

    def _application(self, fields: Fields) -> str:
        """Return the application that the body names, or the one whose key signed the request."""
        return self._known(fields.text("applicationkey") or self._account.application_key)

    def _known(self, application_key: str) -> str:
        if not self._account.owns(application_key):
            raise RefusalError(40003, "Invalid Application Key")
        return application_key


def _described(own: OwnNumber) -> dict[str, str]:
    owner = {} if own.application_key is None else {"applicationkey": own.application_key}
    return {"number": own.number, **owner, "capability": own.capability}
