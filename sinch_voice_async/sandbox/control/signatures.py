"""Why a signature was refused: the string to sign of the client, found by trying each known mistake.

A signature cannot be reversed, but it can be explained: sign again with one known mistake after another, then with two
and more of them at once. A match proves what the client signed, and shows where its string differs from the right one.

Source: Authentication, "Application signed request".
"""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sinch_voice_async.sandbox.authentication import Arrival, string_to_sign
from sinch_voice_async.sandbox.request_log import LoggedRequest

__all__ = ["VERDICTS", "Explanation", "compared", "explain", "scheme_of", "steps_of", "verdict_of"]

LINES = ("Method", "Content-MD5", "Content-Type", "x-timestamp", "Path")
VERDICTS = {
    40100: "missing",
    40101: "malformed",
    40102: "invalid",
    40105: "expired",
    40107: "unknownKey",
    40108: "invalid",
    40301: "malformed",
}
"""Verdicts by the error code of the answer."""
MOST_MISTAKES = 3
ANOTHER_BODY = "The signature covers another body."
ONCE = "Serialise the JSON once, sign those bytes, and send those bytes."
AS_SENT = "Line 5 is the path as it is in the request line"
HELP = {
    "json-spaces": (ANOTHER_BODY, f"The client signed the JSON with spaces after commas and colons. {ONCE}"),
    "json-compact": (ANOTHER_BODY, f"The client signed the JSON without spaces. {ONCE}"),
    "json-indented": (ANOTHER_BODY, f"The client signed the JSON with indentation. {ONCE}"),
    "json-sorted": (ANOTHER_BODY, f"The client signed the JSON with sorted members. {ONCE}"),
    "json-ascii": (
        ANOTHER_BODY,
        "The client signed the JSON with escaped characters (\\u00e5). Sign the bytes that you send.",
    ),
    "json-newline": (
        ANOTHER_BODY,
        "The client signed the body with a line end after it. Sign the bytes that you send.",
    ),
    "md5-empty": ("Line 2 was signed empty.", "A request with a body needs the base64 MD5 of its bytes in line 2."),
    "md5-of-nothing": (
        "Line 2 is the MD5 of an empty body.",
        "Without a body line 2 is empty; with one it is the MD5 of its bytes.",
    ),
    "md5-hex": ("The MD5 was signed in hex.", "Line 2 is the MD5 in base64, not in hex."),
    "md5-hex-base64": ("The MD5 was encoded twice.", "Encode the 16 bytes of the MD5 in base64, not their hex text."),
    "type-empty": ("Line 3 was signed empty.", "Line 3 is the Content-Type header as it was sent."),
    "type-plain": (
        "The charset is missing in line 3.",
        "Line 3 is the Content-Type header as it was sent, with its charset.",
    ),
    "type-charset": (
        "Line 3 was signed with another charset.",
        "Line 3 is the Content-Type header as it was sent, letter by letter.",
    ),
    "stamp-space": ("Line 4 has a space after the colon.", "Write x-timestamp:2026-01-01T00:00:00Z, without a space."),
    "stamp-capitals": ("The name in line 4 must be in lower case.", "Write x-timestamp:, in lower case."),
    "stamp-bare": ("Line 4 has only the time.", "Line 4 begins with x-timestamp: and has the time after it."),
    "stamp-missing": ("Line 4 was signed empty.", "Line 4 is x-timestamp: and the header's value."),
    "path-no-slash": ("The path was signed without its first slash.", f"{AS_SENT}, from its first slash."),
    "path-decoded": (
        "The path was signed decoded.",
        "Sign the path with its percent signs, as it is in the request line.",
    ),
    "path-query": ("The query was signed.", "Line 5 is the path without the question mark and what follows."),
    "path-slash": ("The path was signed with a slash at its end.", f"{AS_SENT}."),
    "path-url": ("The whole URL was signed.", "Line 5 is the path alone, without scheme and host."),
    "path-no-calling": ("The path was signed without /calling.", "Line 5 is the whole path, with /calling."),
    "path-lower": ("The path was signed in lower case.", f"{AS_SENT}."),
    "lines-crlf": ("The lines were joined by CR LF.", "Join the five lines with a line feed alone."),
    "lines-end": ("There is a line end after line 5.", "Join the five lines; nothing follows the last one."),
    "lines-missing": (
        "The empty lines were left out.",
        "A line without content is an empty line: there are always five.",
    ),
    "secret-text": (
        "The secret was used as text. Decode it from base64 first.",
        "The key of the HMAC is the bytes that the base64 secret stands for.",
    ),
    "method-lower": ("The method was signed in lower case.", "Line 1 is the method in capitals."),
    "hash-sha1": ("The HMAC was made with SHA-1.", "Use HMAC with SHA-256."),
    "hash-hex": ("The signature was written in hex.", "Write the signature in base64."),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to write a part of the string; ``mistake`` is empty for the right way."""

    mistake: str
    value: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a search found: the ``mistakes``, the string that was ``signed``, and how many were ``tried``."""

    mistakes: tuple[str, ...]
    signed: str | None
    tried: int

    def described(self) -> list[dict[str, str]]:
        """Return each mistake with its title and help."""
        return [{"id": each, "title": HELP[each][0], "help": HELP[each][1]} for each in self.mistakes]


def explain(entry: LoggedRequest, secret: str) -> Explanation:
    """Return which known mistakes explain the signature of a request; none if it is of another secret."""
    claimed = entry.header("authorization").partition(":")[2].strip()
    tried = 0
    for combination in _combinations(entry, secret):
        tried += 1
        mistakes = tuple(choice.mistake for choice in combination if choice.mistake)
        if _signature(combination) == claimed:
            return Explanation(mistakes, _text(combination), tried)
    return Explanation((), None, tried)


def _combinations(entry: LoggedRequest, secret: str) -> Iterator[tuple[Choice, ...]]:
    """Yield each choice of ways, those with the fewest mistakes first."""
    parts = (
        [Choice("", "base64"), Choice("hash-sha1", "sha1"), Choice("hash-hex", "hex")],
        [Choice("", f"b64:{secret}"), Choice("secret-text", f"text:{secret}")],
        [Choice("", entry.method.upper()), Choice("method-lower", entry.method.lower())],
        _digests(entry.request_body),
        _types(entry.header("content-type")),
        _stamps(entry.header("x-timestamp")),
        _paths(entry),
        [Choice("", "\n"), Choice("lines-crlf", "\r\n"), Choice("lines-end", "end"), Choice("lines-missing", "skip")],
    )
    wrong = [part[1:] for part in parts]
    for count in range(MOST_MISTAKES + 1):
        for places in itertools.combinations(range(len(parts)), count):
            chosen = [wrong[place] if place in places else parts[place][:1] for place in range(len(parts))]
            yield from itertools.product(*chosen)


def _signature(combination: tuple[Choice, ...]) -> str:
    form, key = combination[0].value, combination[1].value
    secret = key.partition(":")[2]
    raw = base64.b64decode(secret) if key.startswith("b64:") else secret.encode()
    text = _text(combination).encode("utf-8", "surrogateescape")
    digest = hmac.digest(raw, text, "sha1" if form == "sha1" else "sha256")
    return digest.hex() if form == "hex" else base64.b64encode(digest).decode()


def _text(combination: tuple[Choice, ...]) -> str:
    lines, join = [choice.value for choice in combination[2:7]], combination[7].value
    if join == "skip":
        return "\n".join(line for line in lines if line)
    return "\n".join(lines) + "\n" if join == "end" else join.join(lines)


def _digests(body: bytes) -> list[Choice]:
    raw = hashlib.md5(body, usedforsecurity=False).digest()
    right = base64.b64encode(raw).decode() if body else ""
    found = [Choice("", right), Choice("md5-empty", ""), Choice("md5-hex", raw.hex())]
    found.append(Choice("md5-of-nothing", _md5(b"")))
    found.append(Choice("md5-hex-base64", base64.b64encode(raw.hex().encode()).decode()))
    found += [Choice(mistake, _md5(write())) for mistake, write in _rewritten(body).items()]
    return _different(found)


def _rewritten(body: bytes) -> Mapping[str, Callable[[], bytes]]:
    """Return the ways in which clients write the same JSON again."""
    try:
        value = json.loads(body)
        json.dumps(value)
    except (ValueError, RecursionError):
        return {"json-newline": lambda: body + b"\n"}
    return {
        "json-spaces": lambda: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"),
        "json-compact": lambda: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
        "json-indented": lambda: json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace"),
        "json-sorted": lambda: json.dumps(value, sort_keys=True).encode(),
        "json-ascii": lambda: json.dumps(value, separators=(",", ":")).encode(),
        "json-newline": lambda: body + b"\n",
    }


def _types(content_type: str) -> list[Choice]:
    plain = content_type.partition(";")[0].strip()
    found = [Choice("", content_type), Choice("type-empty", ""), Choice("type-plain", plain)]
    charsets = ("; charset=utf-8", "; charset=UTF-8", ";charset=utf-8", ";charset=UTF-8")
    found += [Choice("type-charset", f"{plain or 'application/json'}{charset}") for charset in charsets]
    return _different([*found, Choice("type-charset", "application/json")])


def _stamps(stamp: str) -> list[Choice]:
    return [
        Choice("", f"x-timestamp:{stamp}"),
        Choice("stamp-space", f"x-timestamp: {stamp}"),
        Choice("stamp-capitals", f"X-Timestamp:{stamp}"),
        Choice("stamp-bare", stamp),
        Choice("stamp-missing", ""),
    ]


def _paths(entry: LoggedRequest) -> list[Choice]:
    path, host = entry.path, entry.header("host")
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    return _different(
        [
            Choice("", path),
            Choice("path-no-slash", path.lstrip("/")),
            Choice("path-decoded", unquote(path)),
            Choice("path-query", entry.target),
            Choice("path-slash", other),
            Choice("path-url", f"http://{host}{entry.target}"),
            Choice("path-url", f"https://{host}{entry.target}"),
            Choice("path-no-calling", path.removeprefix("/calling")),
            Choice("path-lower", path.lower()),
        ]
    )


def _different(choices: list[Choice]) -> list[Choice]:
    """Return the choices without those that come to the same."""
    seen: dict[str, Choice] = {}
    for choice in choices:
        seen.setdefault(choice.value, choice)
    return list(seen.values())


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def verdict_of(entry: LoggedRequest) -> tuple[str, int | None]:
    """Return what the sandbox found of a request's credentials, and the error code of its answer."""
    try:
        code = int(json.loads(entry.response_body)["errorCode"])
    except (ValueError, TypeError, KeyError, RecursionError):
        code = 0
    if entry.direction == "callback":
        refused = entry.status in {401, 403}
        return "invalid" if refused else "notChecked" if entry.failed else "valid", None
    if entry.status is None:
        return "notChecked", None
    return VERDICTS.get(code, "valid"), code or None


def scheme_of(entry: LoggedRequest) -> str | None:
    """Return how a request was authenticated: application, basic, or None."""
    scheme = entry.header("authorization").partition(" ")[0].lower()
    return scheme if scheme in {"application", "basic"} else None


def steps_of(entry: LoggedRequest, signed: str | None = None) -> list[dict[str, object]]:
    """Return the five lines as the sandbox expects them, and beside them those of a string that was signed."""
    headers = {name.lower(): value for name, value in entry.request_headers}
    expected = string_to_sign(Arrival(entry.method, entry.path, headers, entry.request_body)).split("\n")
    return compared(expected, None if signed is None else signed)


def compared(expected: list[str], signed: str | None) -> list[dict[str, object]]:
    """Return line by line what was expected and what was signed, with the place of the first difference."""
    lines = [None] * len(expected) if signed is None else signed.replace("\r\n", "\n").split("\n")
    steps: list[dict[str, object]] = []
    for number in range(max(len(expected), len(lines))):
        ours = expected[number] if number < len(expected) else ""
        theirs = lines[number] if number < len(lines) else ""
        steps.append(
            {
                "line": number + 1,
                "name": LINES[number] if number < len(LINES) else "",
                "expected": ours,
                "signed": theirs,
                "firstDifference": None if theirs is None else _first_difference(ours, theirs),
            }
        )
    return steps


def _first_difference(ours: str, theirs: str) -> int | None:
    if ours == theirs:
        return None
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (mine, other) in pairs if mine != other), min(len(ours), len(theirs)))
