"""What a run leaves behind: results.json with every round, RESULTS.md, and the README's table and pictures."""

import json
from datetime import UTC, datetime
from pathlib import Path

import attrs

from benchmarks import readme
from benchmarks.chart import ChartBar, draw
from benchmarks.environments import ENVIRONMENTS
from benchmarks.machine import ROOT, describe
from benchmarks.peers import PEERS
from benchmarks.results import Results
from benchmarks.tables import Table, tables
from benchmarks.webhooks import BARE, BUILT, CONNECTIONS, CONSTANT, VERIFYING

__all__ = ["write"]

_TITLE = "Processor time for one outbound call, 100 in flight"
_SUBTITLE = "asyncio, plain HTTP, whole path of each SDK; shorter is better"
_CALLBACKS = "Processor time for one callback"
_OF_CALLBACKS = "uvicorn on asyncio, 32 in flight, signed; shorter is better"


def write(results: Results, server: str, *, whole: bool) -> list[Path]:
    """Write the files and return their paths; a run that is not whole leaves the README's files alone."""
    folder = ROOT / "build" / "benchmarks" if not whole else ROOT / "benchmarks"
    pictures = folder if not whole else ROOT / "docs" / "_static"
    for each in (folder, pictures):
        each.mkdir(parents=True, exist_ok=True)
    written = {folder / "results.json": _json(results, server), folder / "RESULTS.md": _markdown(results, server)}
    if bars := _bars(results):
        written[pictures / "benchmarks.svg"] = draw(_TITLE, _SUBTITLE, "µs", bars)
    if bars := _callback_bars(results):
        written[pictures / "callbacks.svg"] = draw(_CALLBACKS, _OF_CALLBACKS, "µs", bars)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    written[(ROOT if whole else folder) / "README.md"] = readme.renewed(page, results, _about(server))
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return list(written)


def _about(server: str) -> dict[str, str]:
    versions = {name: environment.version or environment.failure or "" for name, environment in ENVIRONMENTS.items()}
    return {"date": datetime.now(UTC).date().isoformat(), **describe(), "server": server, **versions}


def _json(results: Results, server: str) -> str:
    cases = [{**attrs.asdict(case), "figures": rounds} for case, rounds in results.rounds.items()]
    return json.dumps({"about": _about(server), "cases": cases}, indent=1) + "\n"


def _markdown(results: Results, server: str) -> str:
    about = _about(server)
    head = (
        "# Benchmarks\n\n"
        "Written by `nox -s benchmarks`. Figures move with the machine; the ratios hold. Every client places the same\n"
        "callout on a server on loopback, each in a process of its own. Rounds are interleaved. A figure is the\n"
        "median of the number of rounds beside it; a ratio is the median of the ratios of the rounds that both\n"
        "have.\n\n"
        f"{about['date']}; Python {about['python']}; {about['processor']}, {about['cores']}, load {about['load']};\n"
        f"server: {about['server']}.\n"
    )
    return head + "".join(f"\n## {table.title}\n\n{_grid(table)}" for table in tables(results))


def _grid(table: Table) -> str:
    lines = [table.head, tuple("---" for _ in table.head), *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _bars(results: Results) -> list[ChartBar]:
    bars = []
    for peer in PEERS:
        value = results.median(results.find("load", peer.client, in_flight=100), "cpu_us")
        if value is not None:
            bars.append(ChartBar(peer.label, value, peer.client == "ours"))
    return bars


def _callback_bars(results: Results) -> list[ChartBar]:
    bars = []
    for name in (BUILT, CONSTANT, VERIFYING, BARE):
        value = results.median(results.find("webhooks", name, in_flight=CONNECTIONS), "cpu_us")
        if value is not None:
            bars.append(ChartBar(name, value, name in (BUILT, CONSTANT)))
    return bars
