"""One control endpoint, who may reach it, and how its request is read: strictly, each mistake named.

An entry says once what an endpoint takes. The same entry describes the endpoint at ``/_sandbox/api/`` and in
``openapi.json``, and decides which members are known: an unknown member is refused, because it is a misspelt one.
Searches are read here too: words that must occur, ``name:value`` for a member, and a minus sign before either.

Source: OpenAPI Specification, 3.1.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sinch_voice_async.sandbox.requests import Fields, RefusalError, read_object

__all__ = [
    "API",
    "Control",
    "Found",
    "Guard",
    "Member",
    "Query",
    "flag",
    "given",
    "member",
    "number",
    "openapi",
    "page_of",
    "query_whole",
    "seconds",
    "text",
    "texts",
]

BODY_METHODS = ("POST", "PUT", "PATCH")


class Guard:
    """Lets requests in by their headers. ``hosts`` are names that are allowed beside localhost and IP addresses.

    No password is asked for, so two attacks through a visitor's browser are refused instead. DNS rebinding gives a
    foreign name this machine's address: ``Host`` must be ``localhost``, an IP address, or a name that the owner of the
    sandbox has allowed (``--allow-host``). Cross-site requests carry ``Origin`` or ``Sec-Fetch-Site``: both must say
    that the request comes from the sandbox's own page. And a body must be called JSON, which a form of another site
    cannot do without asking first.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.hosts: tuple[str, ...] = tuple(host.lower() for host in hosts)

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300 or 41500, a request that another site may have caused."""
        self.check_host(headers)
        host = headers["host"].lower()
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Origin' is another site")
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Sec-Fetch-Site' is another site")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in BODY_METHODS and media_type != "application/json":
            raise RefusalError(41500, "The body must be JSON, and 'Content-Type' must say application/json")

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300, a request to a name that a foreign site could have given this machine."""
        if not self._is_this_machine(headers.get("host", "")):
            problem = "'Host' is neither localhost, an IP address, nor a name given with --allow-host"
            raise RefusalError(40300, f"The sandbox is not controlled at this address: {problem}")

    def _is_this_machine(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


API = "/_sandbox/api"
LARGEST_BODY = 1_048_576
WHOLE = re.compile("[0-9]{1,12}", re.ASCII)
Handler = Callable[[Request, Fields], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a request: what it means, and its JSON Schema."""

    about: str
    schema: Mapping[str, object]
    required: bool = False


def member(about: str, kind: str | list[str], *, required: bool = False, **schema: object) -> Member:
    """Describe a member of a JSON type, with further keywords of JSON Schema."""
    return Member(about, {"type": kind, **schema}, required)


def text(about: str, *, required: bool = False, **schema: object) -> Member:
    """Describe a string."""
    return member(about, "string", required=required, **schema)


def flag(about: str) -> Member:
    """Describe true or false."""
    return member(about, "boolean")


def seconds(about: str, *, required: bool = False, **schema: object) -> Member:
    """Describe a number of seconds."""
    return member(about, "number", required=required, **{"minimum": 0, **schema})


def texts(about: str) -> Member:
    """Describe a list of strings."""
    return member(about, "array", items={"type": "string"})


@dataclass(frozen=True, slots=True)
class Control:
    """What is done at one method and path: ``takes`` are the members of the JSON body, ``query`` those of the query.

    ``example`` is a body that the endpoint accepts, and ``status`` the status of success.
    """

    method: str
    path: str
    handler: Handler
    takes: Mapping[str, Member] = field(default_factory=dict)
    query: Mapping[str, Member] = field(default_factory=dict)
    status: int = 200
    example: Mapping[str, object] | None = None

    def route(self, guard: Guard) -> Route:
        """Return the endpoint for a router, behind the guard."""

        async def answer(request: Request) -> Response:
            guard.check(request.method, request.headers)
            fields = await self._members(request)
            try:
                return await self.handler(request, fields)
            except ValueError as error:
                # A bound of the sandbox itself, which names the value.
                raise RefusalError(40001, f"Illegal parameter: {error}") from None

        return Route(API + self.path, answer, methods=[self.method])

    def described(self) -> dict[str, object]:
        """Return the endpoint's entry in the list that programs read."""
        takes = {name: each.about for name, each in (self.takes or self.query).items()}
        return {"method": self.method, "path": API + self.path, "does": self.does, "takes": takes}

    @property
    def does(self) -> str:
        """What the endpoint does, in one sentence."""
        return (self.handler.__doc__ or "").partition("\n")[0]

    async def _members(self, request: Request) -> Fields:
        if request.method not in BODY_METHODS:
            return Fields({})
        fields = await _read(request)
        known = {name.lower() for name in self.takes}
        for name in fields.members:
            if name.lower() not in known:
                fields.illegal(name, f"is not known here; known are: {', '.join(self.takes) or 'none'}")
        return fields


async def _read(request: Request) -> Fields:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise RefusalError(41300, f"The body is larger than {LARGEST_BODY} bytes")
    return read_object(bytes(body)) if body.strip() else Fields({})


def given(fields: Fields, name: str) -> bool:
    """Whether a member is present, even as null."""
    return name.lower() in {member.lower() for member in fields.members}


def number(fields: Fields, name: str, *, least: float = 0.0, most: float = 1e9) -> float | None:
    """Return a number from ``least`` to ``most``, None if it is absent; an integer of any length is compared, not
    converted.
    """
    value = fields.value(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # noqa: PLR0124  # NaN
        fields.illegal(name, "must be a number")
    if not least <= value <= most:
        fields.illegal(name, f"must be from {least:g} to {most:g}")
    return float(value)


def query_whole(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number of the query, or refuse it with the name of the parameter."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
        raise RefusalError(40001, f"Illegal parameter '{name}': must be a whole number from {least} to {most}")
    return int(value)


TERM = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"|\S+)')
MOST_TERMS = 20
WHOLE_WORDS = {"direction", "event", "failed", "method", "state", "status", "verdict"}
"""Members of few values, which are compared whole: valid does not find invalid."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: a text that occurs somewhere if ``name`` is empty, else in the member of that name."""

    name: str
    value: str
    negated: bool


class Query:
    """The conditions of a search. An unknown name is searched for as it stands, as in ``http:``."""

    def __init__(self, text: str, names: Iterable[str]) -> None:
        known = {name.lower() for name in names}
        self.terms: list[Term] = []
        for minus, name, value in islice(TERM.findall(text), MOST_TERMS):
            plain, member = value.strip('"').lower(), name.lower()
            if plain and (not member or member in known):
                self.terms.append(Term(member, plain, bool(minus)))
            elif plain:
                self.terms.append(Term("", f"{member}:{plain}", bool(minus)))

    def matches(self, members: Callable[[], Mapping[str, str]], text: Callable[[], str]) -> bool:
        """Whether all conditions hold. ``members`` has lower-case names."""
        if not self.terms:
            return True
        named = members()
        haystack = text().lower() if any(not term.name for term in self.terms) else ""
        return all(_holds(term, named, haystack) is not term.negated for term in self.terms)


def _holds(term: Term, members: Mapping[str, str], haystack: str) -> bool:
    if not term.name:
        return term.value in haystack
    value = members.get(term.name, "").lower()
    if term.name in WHOLE_WORDS:
        return term.value == value
    return term.value in value


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of a search: ``items`` newest first, ``next`` the id to go on before, ``count`` all that match."""

    items: list[T]
    next: str | None
    count: int


def page_of(newest_first: Iterable[T], *, name: Callable[[T], str], before: str | None, limit: int) -> Found[T]:
    """Return the items after the one called ``before``, at most ``limit``; all of them are counted."""
    items: list[T] = []
    count, more = 0, False
    skipping = before is not None
    for item in newest_first:
        count += 1
        if skipping:
            skipping = name(item) != before
        elif len(items) < limit:
            items.append(item)
        else:
            more = True
    return Found(items, name(items[-1]) if more and items else None, count)


PARAMETER = re.compile(r"\{(\w+)\}")
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["errorCode", "message", "reference"],
    "properties": {
        "errorCode": {"type": "integer", "description": "the HTTP status and two digits"},
        "message": {"type": "string"},
        "reference": {"type": "string"},
    },
}
FILES = {"/recordings/{key}", "/requests/{id}/body", "/requests/{id}/response-body"}


def openapi(controls: Iterable[Control], version: str) -> dict[str, object]:
    """Return the document."""
    paths: dict[str, dict[str, object]] = {}
    for control in controls:
        paths.setdefault(API + control.path, {})[control.method.lower()] = _operation(control)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of the Voice sandbox",
            "version": version,
            "description": "Places and manages calls of a sandbox, and shows what it sent and received. No password: "
            "it answers at localhost, at IP addresses, and at names given with --allow-host.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }


def _operation(control: Control) -> dict[str, object]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(control.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": each.about, "schema": dict(each.schema)}
        for name, each in control.query.items()
    ]
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, object] = {
        "operationId": _name(control),
        "summary": control.does,
        "parameters": parameters,
        "responses": {
            str(control.status): {"description": "Done.", **_content(control)},
            "default": {"description": "Refused: the error says why.", "content": reference},
        },
    }
    if control.takes or control.example is not None:
        operation["requestBody"] = {"content": {"application/json": _body(control)}}
    return operation


def _content(control: Control) -> Mapping[str, object]:
    if control.status == 204:
        return {}
    if control.path == "/events":
        return {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
    if control.path in FILES and control.method == "GET":
        return {"content": {"application/octet-stream": {}}}
    return {"content": {"application/json": {"schema": {"type": "object"}}}}


def _body(control: Control) -> Mapping[str, object]:
    example = {} if control.example is None else {"example": dict(control.example)}
    return {"schema": _schema(control.takes), **example}


def _schema(takes: Mapping[str, Member]) -> Mapping[str, object]:
    required = [name for name, each in takes.items() if each.required]
    return {
        "type": "object",
        "properties": {name: {**each.schema, "description": each.about} for name, each in takes.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _name(control: Control) -> str:
    words = re.findall(r"\w+", control.path) or ["root"]
    return control.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)
