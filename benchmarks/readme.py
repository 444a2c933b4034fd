"""The section of the README about speed, between its two markers, written from the results of a run."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from benchmarks.bars import Bar, goals, judge
from benchmarks.environments import ENVIRONMENTS
from benchmarks.results import Figure, Results
from benchmarks.webhooks import BUILT, CONNECTIONS, CONSTANT, VERIFYING

__all__ = ["renewed"]

_SECTION: Final = re.compile(r"(?<=<!-- benchmarks -->\n).*(?=<!-- /benchmarks -->)", re.DOTALL)
_COLUMNS: Final = (("asyncio", "http"), ("asyncio", "https"), ("trio", "http"), ("trio", "https"))
_ROWS: Final = (
    ("ours", "**this library**"),
    ("twilio_async", "twilio {}, async"),
    ("telnyx_async", "telnyx {}, async"),
    ("sinch_1", "sinch {}, async"),
    ("ours_over_httpx", "this library over stock httpx"),
    ("ours_over_wreq", "this library over wreq, a client in Rust"),
    ("ours_over_pyreqwest", "this library over pyreqwest, a client in Rust"),
    ("bare_aiohttp", "aiohttp {}, bare POST"),
    ("bare_httpx", "httpx {}, bare POST"),
    ("bare_httpx2", "httpx2 {}, bare POST"),
    ("bare_wreq", "wreq {}, bare POST"),
    ("bare_pyreqwest", "pyreqwest {}, bare POST"),
    ("floor", "a bare protocol and parser: the floor"),
)
_INTRODUCTION: Final = (
    "The processor time of the client for one callout, relative to this library: model, JSON, signature, connection "
    "and answer, with 100 callouts in flight, on one core, against a local server. A value below 1 is cheaper."
)
_ENVIRONMENT_OF: Final = {
    "twilio_async": "twilio",
    "telnyx_async": "telnyx",
    "sinch_1": "sinch",
    "bare_aiohttp": "aiohttp",
    "bare_httpx": "httpx",
    "bare_httpx2": "httpx2",
    "bare_wreq": "wreq",
    "bare_pyreqwest": "pyreqwest",
}


def renewed(page: str, results: Results, about: Mapping[str, str]) -> str:
    """Return the page with its section written anew."""
    if not _SECTION.search(page):
        raise ValueError("the README has lost the markers of the benchmarks")
    return _SECTION.sub(lambda _: _section(results, about), page)


def _section(results: Results, about: Mapping[str, str]) -> str:
    month = date.fromisoformat(about["date"]).strftime("%B %Y")
    parts = [
        "## Speed",
        _wrapped(_INTRODUCTION),
        "\n".join(_table(results)),
        "![Processor time for one outbound call, 100 in flight](docs/_static/benchmarks.svg)",
        _wrapped(f'"-": does not run there, or was not measured. {" ".join(_sentences(results))}'),
        "![Processor time for one callback](docs/_static/callbacks.svg)",
        _wrapped(
            f"Measured with `python -m nox -s benchmarks` in {month} on {about['processor']}, "
            f"Python {about['python']}, {about['cores']}: each figure is {_rounds(results)}. "
            f"{_counted([*judge(results), *goals(results)])}"
        ),
    ]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _table(results: Results) -> Iterator[str]:
    yield "| | asyncio | asyncio, TLS 1.3 | trio | trio, TLS 1.3 |"
    yield "|---|---|---|---|---|"
    for client, label in _ROWS:
        cells = [_ratio(results, client, backend, scheme) for backend, scheme in _COLUMNS]
        if any(cell != "-" for cell in cells):
            yield f"| {label.format(_version(client))} | {' | '.join(cells)} |"


def _ratio(results: Results, client: str, backend: str, scheme: str) -> str:
    if client == "ours":
        return "**1**"
    ratio = _times(results, client, backend, scheme)
    return "-" if ratio is None else f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _times(results: Results, client: str, backend: str, scheme: str) -> Figure | None:
    theirs, ours = (results.find("load", each, backend, scheme, 100) for each in (client, "ours"))
    return results.ratio(theirs, ours, "cpu_us")


def _version(client: str) -> str:
    """Return the version of a peer; of a new one its major and minor number."""
    if client not in _ENVIRONMENT_OF:
        return ""
    version = ENVIRONMENTS[_ENVIRONMENT_OF[client]].version
    return version if client == "sinch_1" else ".".join(version.split(".")[:2])


def _sentences(results: Results) -> Iterator[str]:
    growths = [_growth(results, backend) for backend in ("asyncio", "trio")]
    if None not in growths:
        yield (
            f"With 1,000 in flight, a callout costs {growths[0]:.1f} times as much on asyncio, "
            f"{growths[1]:.1f} times on trio."
        )
    shares = [_share(results, backend) for backend in ("asyncio", "trio")]
    if None not in shares:
        yield (
            f"10,000 callouts over 100 connections, 50 ms away, run at {shares[0]:.0f} % (asyncio) and "
            f"{shares[1]:.0f} % (trio) of the rate that the latency allows."
        )
    proxied, over_stock = _through_a_proxy(results)
    if proxied is not None and over_stock is not None:
        yield (
            f"Through a CONNECT proxy with TLS, a callout costs {proxied:.2f} times as much as without, and over stock "
            f"httpx {over_stock:.0f} times as much as that."
        )
    ratios = _of_callbacks(results)
    if None not in ratios:
        yield (
            f"In the same processor time, a `WebhookApp` answers {ratios[0]:.2f} times as many callbacks as a "
            "Starlette route that only compares the signature, runs `json.loads` and returns fixed bytes; "
            f"{ratios[1]:.2f} times if its document is a constant."
        )


def _through_a_proxy(results: Results) -> tuple[Figure | None, Figure | None]:
    """Return a callout through a proxy against a direct one, and the same over stock httpx against ours."""
    through, direct, stock = (
        results.find(kind, client, "asyncio", "https", 100)
        for kind, client in (("proxied", "ours"), ("direct", "ours"), ("proxied", "ours_over_httpx"))
    )
    return results.ratio(through, direct, "cpu_us"), results.ratio(stock, through, "cpu_us")


def _of_callbacks(results: Results) -> list[Figure | None]:
    """Return a verifying route against our two applications."""
    ours, constant, other = (
        results.find("webhooks", name, in_flight=CONNECTIONS) for name in (BUILT, CONSTANT, VERIFYING)
    )
    return [results.ratio(other, each, "cpu_us") for each in (ours, constant)]


def _rounds(results: Results) -> str:
    """Say from how many rounds the figures of the section are."""
    table = [
        _times(results, client, backend, scheme)
        for client, _ in _ROWS
        for backend, scheme in _COLUMNS
        if client != "ours"
    ]
    growths = [_growth(results, backend) for backend in ("asyncio", "trio")]
    shares = [_share(results, backend) for backend in ("asyncio", "trio")]
    told = [*table, *growths, *shares, *_through_a_proxy(results), *_of_callbacks(results)]
    counts = {figure.rounds for figure in told if figure is not None}
    if not counts:
        return "missing"
    fewest, most = min(counts), max(counts)
    if most == 1:
        return "from 1 round"
    rounds = str(most) if fewest == most else f"{fewest} to {most}"
    return f"the median of {rounds} interleaved rounds"


def _growth(results: Results, backend: str) -> Figure | None:
    many, few = (results.find("load", "ours", backend, in_flight=count) for count in (1000, 100))
    return results.ratio(many, few, "cpu_us")


def _share(results: Results, backend: str) -> Figure | None:
    case = results.find("burst", "ours", backend, in_flight=1000)
    rate = results.median(case, "per_second")
    return None if case is None or rate is None else rate.times(case.delay)


def _counted(bars: list[Bar]) -> str:
    measured = [bar for bar in bars if bar.met is not None]
    met = sum(bar.met is True for bar in measured)
    return (
        f"[All figures](benchmarks/RESULTS.md) stand beside their goals: {met} of {len(measured)} are met, and "
        "each that is missed has its reason there."
    )


def _wrapped(text: str) -> str:
    """Return a paragraph in lines of at most 120 characters."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > 120:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    return "\n".join([*lines, line])
