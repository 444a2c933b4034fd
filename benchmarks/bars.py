"""What this library promises of its figures: each bar, what was measured, and whether it was met."""

import attrs

from benchmarks.exchange import CALLS, WITH
from benchmarks.machine import LOAD
from benchmarks.plan import FIRST_CLIENT, HELP, Case
from benchmarks.results import Figure, Results
from benchmarks.webhooks import BAR, BARE, BUILT, CONNECTIONS, CONSTANT, VERIFYING

__all__ = ["Bar", "goals", "judge"]

_PROFILE = (
    "of the 2,505 bytecodes of a callout on asyncio, HTTP takes 40 %, model and validation 22 %, retries and outcome "
    "14 %, pool 9 %, signature 8 %, JSON 7 %"
)
_FLOOR = f"the floor sends fixed bytes and proves nothing; {_PROFILE}"
_STALL = "one full run of Python's garbage collector, over all that a thousand tasks and the imports keep alive"
_CALLBACK = "it leaves a quarter of a bare request, which JSON, MD5 and HMAC take alone, without event and document"
_OWN_WORK = f"bare aiohttp sends fixed bytes; {_PROFILE}"
_LIBRARIES = (
    "httpx and cattrs take two thirds, and over half of httpx is rich and click, which it imports if they are installed"
)
_OF_HELP = "click and attrs take two thirds; this package, its settings and the text itself take the rest"
_LINE = "a request that waits in line is one more switch of tasks, which takes trio 10 us and more"
_SCOPE = "event, document, age, repeats, limits and time-out: the other route has none of them"
_AT_100 = "goal: processor per callout at 100 in flight"
_CALLBACKS = "goal: callbacks for the same processor time"
_REASONS: dict[str, str] = {
    **{
        f"processor per callout at 100 in flight, asyncio, {scheme}, against the bare floor": _FLOOR
        for scheme in ("plain", "TLS")
    },
    **{
        f"{_AT_100}, {how}, against the bare floor": _FLOOR
        for how in ("asyncio, plain", "uvloop, plain", "asyncio, TLS")
    },
    f"{_AT_100}, asyncio, plain, against bare aiohttp": _OWN_WORK,
    f"{_AT_100}, trio, plain, against twilio (asyncio)": "trio's own loop takes twice the time of asyncio's",
    "processor per callout, 1,000 in flight against 100, trio": _LINE,
    "goal: processor per callout, 1,000 in flight against 100, trio": _LINE,
    "goal: 10,000 callouts, trio: of connections / latency": _LINE,
    "10,000 callouts at 1,000 in flight, 100 connections, 50 ms away, trio: of connections / latency": _LINE,
    "longest stall of the event loop at 1,000 in flight, trio": _STALL,
    f"goal: import and {FIRST_CLIENT}, against import httpx, cattrs": _LIBRARIES,
    f"goal: {HELP}, against import click, attrs": _OF_HELP,
    **{f"goal: longest stall of the event loop at 1,000 in flight, {loop}": _STALL for loop in ("asyncio", "trio")},
    **{f"callbacks answered, {name} against a {BARE}": _CALLBACK for name in (BUILT, CONSTANT)},
    **{f"{_CALLBACKS}, {name} against a {other}": _SCOPE for name in (BUILT, CONSTANT) for other in (BARE, VERIFYING)},
}
"""Why a bar falls short, if that is known; by the bar's words."""


# Load is a fact about the run and not the cause: a bar is only explained by an entry above.
_UNKNOWN = f"no cause found yet; load {LOAD:.1f} when the run began"


@attrs.frozen
class Bar:
    """One promise, and how many rounds the figure is from; ``met`` is None if the run did not measure it."""

    what: str
    allowed: str
    measured: str
    rounds: int
    met: bool | None

    @property
    def verdict(self) -> str:
        """``met``, ``not met`` with the reason, or ``not measured``."""
        if self.met is None:
            return "not measured"
        return "met" if self.met else f"not met: {_REASONS.get(self.what, _UNKNOWN)}"


def judge(results: Results) -> list[Bar]:
    """Hold the figures against every bar."""
    return [
        *_costs(results),
        *_growth(results),
        *_crowds(results),
        *_imports(results),
        *_downloads(results),
        *_memory(results),
        *_loop(results),
        *_callbacks(results),
    ]


def goals(results: Results) -> list[Bar]:
    """Hold the figures against what the library aims at beyond its bars."""
    return [
        *_cost_goals(results),
        *_proxy_goals(results),
        *_crowd_goals(results),
        *_callback_goals(results),
        *_sandbox_goals(results),
        *_start_goals(results),
    ]


def _sandbox_goals(results: Results) -> list[Bar]:
    rate = results.median(results.find("exchange", WITH, in_flight=CALLS), "per_second")
    return [_at_least("goal: scripted calls a second in the sandbox, with three callbacks each", rate, 700, "{:,.0f}")]


def _start_goals(results: Results) -> list[Bar]:
    """0.8 and 0.6 of what a first client and the help took once, told against the libraries that they load."""
    bars = []
    for what, name, libraries, factor in (
        (f"import and {FIRST_CLIENT}", FIRST_CLIENT, "httpx, cattrs", 1.07),
        (HELP, HELP, "click, attrs", 0.89),
    ):
        ratio = results.ratio(results.find("import", name), results.find("import", libraries), "milliseconds")
        bars.append(_at_most(f"goal: {what}, against import {libraries}", ratio, factor, "{:.2f} x"))
    return bars


def _cost_goals(results: Results) -> list[Bar]:
    rows = (
        ("asyncio", "asyncio", "http", "bare_aiohttp", "bare aiohttp", 0.40),
        ("asyncio", "asyncio", "http", "ours_over_wreq", "the same SDK over wreq", 0.50),
        ("asyncio", "asyncio", "http", "ours_over_pyreqwest", "the same SDK over pyreqwest", 0.50),
        ("asyncio", "asyncio", "http", "floor", "the bare floor", 2.0),
        ("uvloop", "uvloop", "http", "floor", "the bare floor", 4.0),
        ("asyncio", "asyncio", "https", "floor", "the bare floor", 2.5),
        ("trio", "asyncio", "http", "twilio_async", "twilio (asyncio)", 0.30),
    )
    bars = []
    for backend, theirs, scheme, client, name, factor in rows:
        ours, other = (
            results.find("load", each, on, scheme, 100) for each, on in (("ours", backend), (client, theirs))
        )
        secure = "plain" if scheme == "http" else "TLS"
        what = f"goal: processor per callout at 100 in flight, {backend}, {secure}, against {name}"
        bars.append(_at_most(what, results.ratio(ours, other, "cpu_us"), factor, "{:.2f} x"))
    return bars


def _proxy_goals(results: Results) -> list[Bar]:
    bars = []
    for backend in ("asyncio", "trio"):
        ours, direct, stock = (
            results.find(kind, client, backend, "https", 100)
            for kind, client in (("proxied", "ours"), ("direct", "ours"), ("proxied", "ours_over_httpx"))
        )
        name = f"goal: processor per callout through a CONNECT proxy, TLS, 100 in flight, {backend}"
        bars.append(_at_most(f"{name}, against direct", results.ratio(ours, direct, "cpu_us"), 1.1, "{:.2f} x"))
        cheaper = results.ratio(stock, ours, "cpu_us")
        bars.append(_at_least(f"{name}, cheaper than over stock httpx", cheaper, 15, "{:.0f} x"))
    return bars


def _crowd_goals(results: Results) -> list[Bar]:
    many, few = (results.find("load", "ours", "trio", in_flight=count) for count in (1000, 100))
    growth = results.ratio(many, few, "cpu_us")
    bars = [_at_most("goal: processor per callout, 1,000 in flight against 100, trio", growth, 1.15, "{:.2f} x")]
    burst = results.find("burst", "ours", "trio", in_flight=1000)
    rate = results.median(burst, "per_second")
    share = None if burst is None or rate is None else rate.times(burst.delay)
    bars.append(_at_least("goal: 10,000 callouts, trio: of connections / latency", share, 93, "{:.1f} %"))
    for backend, limit in (("asyncio", 15), ("trio", 25)):
        stall = results.median(results.find("load", "ours", backend, in_flight=1000), "stall_ms")
        what = f"goal: longest stall of the event loop at 1,000 in flight, {backend}"
        bars.append(_at_most(what, stall, limit, "{:.0f} ms"))
    return bars


def _callback_goals(results: Results) -> list[Bar]:
    bars = []
    for name, other, factor in (
        (BUILT, VERIFYING, 0.70),
        (CONSTANT, VERIFYING, 1.0),
        (BUILT, BARE, 0.60),
        (CONSTANT, BARE, 0.72),
    ):
        ours, theirs = (results.find("webhooks", client, in_flight=CONNECTIONS) for client in (name, other))
        ratio = results.ratio(theirs, ours, "cpu_us")
        what = f"goal: callbacks for the same processor time, {name} against a {other}"
        bars.append(_at_least(what, ratio, factor, "{:.2f} x"))
    return bars


def _costs(results: Results) -> list[Bar]:
    bars = []
    for scheme, name in (("http", "plain"), ("https", "TLS")):
        ours = results.find("load", "ours", scheme=scheme, in_flight=100)
        trio = results.find("load", "ours", "trio", scheme, 100)
        for mine, client, label, factor in (
            (ours, "twilio_async", "twilio", 0.45),
            (ours, "bare_aiohttp", "bare aiohttp", 0.75),
            (ours, "floor", "the bare floor", 2.5),
            (trio, "twilio_async", "twilio (asyncio)", 0.6),
        ):
            backend = "trio" if mine is trio else "asyncio"
            other = results.find("load", client, scheme=scheme, in_flight=100)
            ratio = results.ratio(mine, other, "cpu_us")
            what = f"processor per callout at 100 in flight, {backend}, {name}, against {label}"
            bars.append(_at_most(what, ratio, factor, "{:.2f} x"))
    stock = results.find("load", "ours_over_httpx", in_flight=100)
    ratio = results.ratio(stock, results.find("load", "ours", in_flight=100), "cpu_us")
    bars.append(_at_least("cheaper than the same SDK over stock httpx, 100 in flight", ratio, 20, "{:.0f} x"))
    return bars


def _growth(results: Results) -> list[Bar]:
    bars = []
    for backend in ("asyncio", "trio"):
        many, few = (results.find("load", "ours", backend, in_flight=count) for count in (1000, 100))
        what = f"processor per callout, 1,000 in flight against 100, {backend}"
        bars.append(_at_most(what, results.ratio(many, few, "cpu_us"), 1.5, "{:.2f} x"))
    return bars


def _crowds(results: Results) -> list[Bar]:
    bars = []
    for backend in ("asyncio", "trio"):
        case = results.find("burst", "ours", backend, in_flight=1000)
        if case is None:
            continue
        name = f"10,000 callouts at 1,000 in flight, 100 connections, 50 ms away, {backend}"
        answered = results.median(case, "answered")
        bars.append(_at_least(f"{name}: answered", answered, 10_000, "{:,.0f}"))
        rate = results.median(case, "per_second")
        share = None if rate is None else rate.times(case.delay)
        bars.append(_at_least(f"{name}: of connections / latency", share, 90, "{:.1f} %"))
    return bars


def _imports(results: Results) -> list[Bar]:
    ours, httpx, cattrs = (
        results.median(results.find("import", name), "milliseconds")
        for name in ("sinch_voice_async", "httpx", "cattrs")
    )
    if ours is None or httpx is None or cattrs is None:
        return []
    more = Figure(ours - httpx - cattrs, min(each.rounds for each in (ours, httpx, cattrs)))
    return [_at_most("import, on top of httpx and cattrs", more, 25, "{:+.0f} ms")]


def _downloads(results: Results) -> list[Bar]:
    bars = []
    for scheme, name in (("http", "plain"), ("https", "TLS")):
        for backend in ("asyncio", "trio"):
            ours = results.find("download", "ours", backend, scheme)
            httpx = results.find("download", "bare_httpx", backend, scheme)
            ratio = results.ratio(ours, httpx, "mb_per_second")
            bars.append(_at_least(f"download against httpx.stream, {backend}, {name}", ratio, 1.2, "{:.2f} x"))
            growth = results.worst(ours, "growth_mb")
            what = f"memory growth during a download of {_gigabytes(ours)}, {backend}, {name}"
            bars.append(_at_most(what, growth, 8, "{:.1f} MB"))
    return bars


def _memory(results: Results) -> list[Bar]:
    bars = []
    for client, connections in (("ours", "100"), ("ours_1000", "1,000")):
        for backend in ("asyncio", "trio"):
            case = results.find("memory", client, backend, in_flight=1000)
            what = f"memory for each of 1,000 callouts in flight, {connections} connections, {backend}"
            bars.append(_at_most(what, results.worst(case, "kb_each"), 40, "{:.1f} KB"))
    return bars


def _loop(results: Results) -> list[Bar]:
    loads = [case for case in results.rounds if case.client == "ours" and case.kind in ("load", "burst")]
    most = [(case, results.worst(case, "connections")) for case in loads]
    shares = [opened.times(1 / case.in_flight) for case, opened in most if opened is not None]
    over = max(shares, default=None)
    bars = [_at_most("connections opened, against callouts in flight (worst case)", over, 1, "{:.2f} x")]
    for backend in ("asyncio", "trio"):
        case = results.find("load", "ours", backend, in_flight=1000)
        stall = results.median(case, "stall_ms")
        bars.append(_at_most(f"longest stall of the event loop at 1,000 in flight, {backend}", stall, 50, "{:.0f} ms"))
    return bars


def _callbacks(results: Results) -> list[Bar]:
    bars = []
    for name in (BUILT, CONSTANT):
        ours, bare = (results.find("webhooks", client, in_flight=CONNECTIONS) for client in (name, BARE))
        ratio = results.ratio(ours, bare, "per_second")
        bars.append(_at_least(f"callbacks answered, {name} against a {BARE}", ratio, BAR, "{:.2f} x"))
    return bars


def _gigabytes(case: Case | None) -> str:
    return f"{case.options['size'] / (1 << 30):g} GB" if case else "1 GB"


def _at_most(what: str, value: Figure | None, limit: float, shape: str) -> Bar:
    return _bar(what, "at most", value, limit, shape, met=value is not None and value <= limit)


def _at_least(what: str, value: Figure | None, limit: float, shape: str) -> Bar:
    return _bar(what, "at least", value, limit, shape, met=value is not None and value >= limit)


def _bar(what: str, bound: str, value: Figure | None, limit: float, shape: str, *, met: bool) -> Bar:
    allowed = f"{bound} {shape.format(limit)}"
    if value is None:
        return Bar(what, allowed, "-", 0, None)
    return Bar(what, allowed, shape.format(value), value.rounds, met)
