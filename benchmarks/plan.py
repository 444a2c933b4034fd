"""Which cases a run consists of: what is compared stands together, so that it meets the same machine.

The kinds: ``load``, a steady number in flight; ``direct`` and ``proxied``, the same on the small server without and
through a proxy; ``burst``, ``memory``, ``download`` and ``import``.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from benchmarks.peers import PEERS, Peer

__all__ = ["FIRST_CLIENT", "HELP", "IMPORTS", "Case", "full", "quick"]

# One round of processor time is off by a quarter on a shared machine, and so is a ratio of two: these are measured five
# times, even when the time of the run is over.
_ROUNDS = 5
_COMPARED = (
    "ours", "twilio_async", "ours_over_httpx", "bare_aiohttp", "ours_over_wreq", "ours_over_pyreqwest", "floor",
)  # fmt: skip

# A thousand in flight take a quadratic client half a minute; these stand for all of them.
_SLOW_IN_A_CROWD = ("telnyx_async", "sinch_1", "ours_over_httpx")

FIRST_CLIENT, HELP = "a first VoiceClient", "sinch-voice --help"
_MODULES = {
    "sinch_voice_async": "ours",
    "httpx": "ours",
    "cattrs": "ours",
    "httpx, cattrs": "ours",
    "click, attrs": "ours",
    "sinch": "sinch",
    "telnyx": "telnyx",
    "twilio.rest": "twilio",
    "aiohttp": "aiohttp",
}
IMPORTS = {**_MODULES, FIRST_CLIENT: "ours", HELP: "ours"}
_CODE = {
    **{module: f"import {module}" for module in _MODULES},
    FIRST_CLIENT: "import sinch_voice_async; sinch_voice_async.VoiceClient('key', 'c2VjcmV0')",
    HELP: "from sinch_voice_async.cli import main; main(['--help'])",
}


@attrs.frozen(kw_only=True)
class Case:
    """One thing measured in one process, once in each round; ``delay`` is the seconds that the server waits.

    The rounds of a ``compared`` case are all run: the bars and goals are ratios of such cases.
    """

    kind: str
    client: str
    environment: str
    backend: str = "asyncio"
    scheme: str = "http"
    in_flight: int = 1
    rounds: int = 3
    compared: bool = False
    delay: float = 0.0
    options: dict[str, Any] = attrs.field(factory=dict, hash=False)


def full() -> list[Case]:
    """Return everything, for about ten minutes; the goals are about 100 in flight: that is measured most often."""
    cases = [*_with_growth(_loads("http", 100, rounds=3, seconds=0.6)), *_loads("https", 100, rounds=3, seconds=0.6)]
    crowd = [*_loads("http", 1000, rounds=1, seconds=0.6), *_loads("https", 1000, rounds=1, seconds=0.6)]
    cases += [case for case in crowd if (case.client, case.scheme) != ("ours", "http")]
    cases += _proxied(("ours", "ours_over_httpx", "bare_aiohttp"), rounds=3, seconds=0.6)
    cases += _loads("http", 1, rounds=1, seconds=0.6)
    cases += _bursts(("asyncio", "uvloop", "trio"), ("twilio_async", "bare_aiohttp"), rounds=3)
    cases += _memories(("asyncio", "trio"), ("twilio_async", "bare_aiohttp"))
    cases += _downloads(("ours", "bare_httpx", "bare_aiohttp"), 1 << 30, rounds=3)
    cases += _imports(IMPORTS, rounds=3)
    often = ("load", "direct", "proxied")
    return [attrs.evolve(case, rounds=_ROUNDS) if case.compared and case.kind in often else case for case in cases]


def quick() -> list[Case]:
    """Return what the bars need, for two minutes."""
    cases = list(_with_growth(_loads("http", 100, rounds=1, seconds=0.4)))
    wanted = ("ours", "twilio_async", "bare_aiohttp", "bare_httpx", "floor")
    cases += [case for case in _loads("https", 100, rounds=1, seconds=0.4) if case.client in wanted]
    cases += _proxied(("ours", "ours_over_httpx"), rounds=1, seconds=0.4)
    cases += _bursts(("asyncio", "trio"), (), rounds=1)
    cases += _memories(("asyncio", "trio"), ())
    cases += _downloads(("ours", "bare_httpx"), 1 << 28, rounds=1)
    return [*cases, *_imports(tuple(name for name in IMPORTS if IMPORTS[name] == "ours"), rounds=3)]


def _loads(scheme: str, in_flight: int, *, rounds: int, seconds: float) -> Iterator[Case]:
    for backend in ("asyncio", "uvloop", "trio"):
        for peer in PEERS:
            crowded = peer.quadratic and in_flight > 100
            if backend not in peer.backends or (crowded and (backend, scheme) != ("asyncio", "http")):
                continue
            if crowded and peer.client not in _SLOW_IN_A_CROWD:
                continue
            yield _case(
                peer, "load", backend, scheme=scheme, in_flight=in_flight, rounds=rounds,
                compared=in_flight == 100 and peer.client in _COMPARED, options={"seconds": seconds},
            )  # fmt: skip


def _with_growth(loads: Iterable[Case]) -> Iterator[Case]:
    """Measure ours at 1,000 in flight at once after 100: the speed of the machine changes within minutes."""
    for case in loads:
        yield case
        if case.client == "ours":
            yield attrs.evolve(case, in_flight=1000)


def _proxied(clients: tuple[str, ...], *, rounds: int, seconds: float) -> Iterator[Case]:
    for peer in PEERS:
        for backend in [backend for backend in ("asyncio", "trio") if backend in peer.backends]:
            for kind in ("direct", "proxied"):
                if peer.client in clients:
                    yield _case(
                        peer, kind, backend, scheme="https", in_flight=100, rounds=rounds, compared=True,
                        options={"seconds": seconds},
                    )  # fmt: skip


def _bursts(backends: tuple[str, ...], peers: tuple[str, ...], *, rounds: int) -> Iterator[Case]:
    for peer in PEERS:
        for backend in backends if peer.client == "ours" else ("asyncio",):
            if peer.client in ("ours", *peers):
                yield _case(
                    peer, "burst", backend, in_flight=1000, rounds=rounds if peer.client == "ours" else 1,
                    compared=peer.client == "ours" and backend != "uvloop", delay=0.05,
                    options={"seconds": 0, "total": 10_000},
                )  # fmt: skip


def _memories(backends: tuple[str, ...], peers: tuple[str, ...]) -> Iterator[Case]:
    ours = PEERS[0]
    for peer in (ours, attrs.evolve(ours, client="ours_1000"), *(peer for peer in PEERS if peer.client in peers)):
        for backend in backends if peer.environment == "ours" else ("asyncio",):
            yield _case(peer, "memory", backend, in_flight=1000, rounds=1, delay=3.0, options={"settle": 2.0})


def _downloads(clients: tuple[str, ...], size: int, *, rounds: int) -> Iterator[Case]:
    options = {"size": size, "warm_up": 1 << 22}
    for scheme in ("http", "https"):
        for backend in ("asyncio", "trio"):
            for peer in PEERS:
                if peer.client in clients and backend in peer.backends:
                    yield _case(
                        peer, "download", backend, scheme=scheme, rounds=rounds, options=options,
                        compared=peer.client != "bare_aiohttp",
                    )  # fmt: skip


def _imports(modules: "dict[str, str] | tuple[str, ...]", *, rounds: int) -> Iterator[Case]:
    for module in modules:
        yield Case(
            kind="import", client=module, environment=IMPORTS[module], rounds=rounds, options={"code": _CODE[module]},
            compared=IMPORTS[module] == "ours",
        )  # fmt: skip


def _case(peer: Peer, kind: str, backend: str, **fields: Any) -> Case:
    return Case(kind=kind, client=peer.client, environment=peer.environment, backend=backend, **fields)
