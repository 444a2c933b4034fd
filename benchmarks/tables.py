"""The tables of a run as plain cells: the terminal and the README show the same."""

from collections.abc import Iterator, Sequence

import attrs

from benchmarks.bars import Bar, goals, judge
from benchmarks.environments import ENVIRONMENTS
from benchmarks.exchange import CALLS
from benchmarks.peers import PEERS, label
from benchmarks.plan import IMPORTS, Case
from benchmarks.results import Results
from benchmarks.webhooks import CONNECTIONS

__all__ = ["Table", "tables"]


@attrs.frozen
class Table:
    """A title, the head, and rows of text."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(results: Results) -> Iterator[Table]:
    """Return every table that has something in it."""
    made = [
        _bars("The bars", judge(results)),
        _bars("Goals beyond the bars", goals(results)),
        *(
            _costs(results, backend, scheme)
            for scheme in ("http", "https")
            for backend in ("asyncio", "uvloop", "trio")
        ),
        _behaviour(results),
        _proxied(results),
        _bursts(results),
        _memories(results),
        _downloads(results),
        _callbacks(results),
        _scripted_calls(results),
        _imports(results),
    ]
    return (table for table in made if table.rows)


def _bars(title: str, bars: Sequence[Bar]) -> Table:
    rows = [
        (bar.what.removeprefix("goal: "), bar.allowed, bar.measured, str(bar.rounds or "-"), bar.verdict)
        for bar in bars
    ]
    return Table(title, ("what", "bar", "measured", "rounds", "verdict"), rows)


def _costs(results: Results, backend: str, scheme: str) -> Table:
    """Processor time for each callout, and as a multiple of ours."""
    counts = (1, 100, 1000)
    rows = []
    for peer in PEERS:
        cases = [results.find("load", peer.client, backend, scheme, count) for count in counts]
        if not any(cases):
            continue
        ours = [results.find("load", "ours", backend, scheme, count) for count in counts]
        cells = [_cost(results, case, mine) for case, mine in zip(cases, ours, strict=True)]
        fastest = _cell(results, cases[1], "per_second", "{:,.0f}")
        rounds = " / ".join(_rounds(results, case) for case in cases)
        rows.append((_name(peer.client), *cells, fastest, rounds))
    name = "TLS 1.3" if scheme == "https" else "plain HTTP"
    title = f"Processor time per callout in microseconds (x ours), {backend}, {name}"
    return Table(title, ("client", "1 in flight", "100", "1,000", "callouts a second at 100", "rounds"), rows)


def _behaviour(results: Results) -> Table:
    stalls = (("stall_ms", "{:,.0f} ms"), ("stall_at_start_ms", "{:,.0f} ms"))
    shown = (("connections", "{:,.0f}"), *stalls, ("resident_mb", "{:.0f} MB"))
    rows = []
    for peer in PEERS:
        case = results.find("load", peer.client, in_flight=1000)
        if case is not None:
            cells = (_cell(results, case, figure, shape) for figure, shape in shown)
            rows.append((_name(peer.client), *cells, _rounds(results, case)))
    head = ("client", "connections opened", "longest stall", "while all begin at once", "resident", "rounds")
    return Table("1,000 in flight, asyncio, plain", head, rows)


def _proxied(results: Results) -> Table:
    rows = []
    for case in results.rounds:
        if case.kind == "proxied":
            direct = results.find("direct", case.client, case.backend, case.scheme, case.in_flight)
            ratio = results.ratio(case, direct, "cpu_us")
            told = "-" if ratio is None else f"{ratio:.2f} x"
            costs = (_cell(results, each, "cpu_us", "{:,.0f} us") for each in (direct, case))
            rows.append((_name(case.client), case.backend, *costs, told, str(ratio.rounds) if ratio else "-"))
    title = "Through a CONNECT proxy, TLS 1.3, 100 in flight: processor time per callout"
    return Table(title, ("client", "on", "direct", "through the proxy", "ratio", "rounds"), rows)


def _bursts(results: Results) -> Table:
    shown = (("answered", "{:,.0f}"), ("per_second", "{:,.0f}"), ("cpu_us", "{:.0f} us"), ("connections", "{:,.0f}"))
    title = "10,000 callouts at 1,000 in flight, server 50 ms away"
    return _each(results, "burst", title, ("answered", "a second", "processor each", "connections"), shown)


def _memories(results: Results) -> Table:
    title = "Memory for each of 1,000 callouts in flight"
    return _each(results, "memory", title, ("resident",), (("kb_each", "{:.1f} KB"),))


def _downloads(results: Results) -> Table:
    shown = (("mb_per_second", "{:,.0f}"), ("cpu_s_per_gb", "{:.2f} s"), ("growth_mb", "{:.1f} MB"))
    head = ("MB a second", "processor per GB", "memory growth")
    return _each(results, "download", "One long download over loopback", head, shown)


def _callbacks(results: Results) -> Table:
    shown = (("per_second", "{:,.0f}"), ("p99_ms", "{:.1f} ms"), ("cpu_us", "{:.0f} us"))
    title = f"Callbacks answered under uvicorn, {CONNECTIONS} in flight"
    return _each(results, "webhooks", title, ("a second", "99 of 100 within", "processor each"), shown)


def _scripted_calls(results: Results) -> Table:
    title = f"Scripted calls that the sandbox's exchange completes, {CALLS:,} at once"
    return _each(results, "exchange", title, ("a second",), (("per_second", "{:,.0f}"),))


def _each(results: Results, kind: str, title: str, head: tuple[str, ...], shown: tuple[tuple[str, str], ...]) -> Table:
    rows = []
    for case in results.rounds:
        if case.kind == kind:
            cells = (_cell(results, case, figure, shape) for figure, shape in shown)
            on = f"{case.backend}{', TLS' if case.scheme == 'https' else ''}"
            rows.append((_name(case.client), on, *cells, _rounds(results, case)))
    return Table(title, ("client", "on", *head, "rounds"), rows)


def _imports(results: Results) -> Table:
    cases = [(module, results.find("import", module)) for module in IMPORTS]
    rows = [
        (module, _cell(results, case, "milliseconds", "{:.0f} ms"), _rounds(results, case))
        for module, case in cases
        if case
    ]
    return Table("Import in a fresh process, and the first use", ("what", "time", "rounds"), rows)


def _cost(results: Results, case: Case | None, ours: Case | None) -> str:
    ratio = results.ratio(case, ours, "cpu_us")
    multiple = "" if ratio is None or case == ours else f" ({ratio:.1f} x)"
    return _cell(results, case, "cpu_us", "{:,.0f}") + multiple


def _cell(results: Results, case: Case | None, figure: str, shape: str) -> str:
    failure = results.failure(case)
    if failure is not None:
        return f"fails: {failure}"
    value = results.median(case, figure)
    return "-" if value is None else shape.format(value)


def _rounds(results: Results, case: Case | None) -> str:
    """Return how many rounds the figures of a case are from; a ratio is from the rounds that both cases have."""
    count = len(results.rounds.get(case, [])) if case and results.failure(case) is None else 0
    return str(count or "-")


def _name(client: str) -> str:
    environment = next((peer.environment for peer in PEERS if peer.client == client), "ours")
    version = ENVIRONMENTS[environment].version
    shown = {"ours_1000": "sinch_voice_async, 1,000 connections"}.get(client, label(client))
    return shown if environment in ("ours", "floor") or version in shown else f"{shown} {version}"
