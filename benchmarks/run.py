"""Runs the cases, each in a process of its own, round after round, so that a noisy minute hits all alike."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from benchmarks import exchange, webhooks
from benchmarks.certificate import Certificate
from benchmarks.environments import ENVIRONMENTS
from benchmarks.machine import BUILD, CLIENT_CORE, ROOT
from benchmarks.plan import Case
from benchmarks.results import Results
from benchmarks.server import Server, fast_server, small_server

__all__ = ["run", "run_callbacks", "run_exchange"]

_LONGEST = 120.0
_ON_THE_SMALL_SERVER = ("direct", "proxied")
_IMPORT = "import os, time; os.sched_setaffinity(0, {{{core}}}); begun = time.perf_counter(); {code}; \
print('{{\"milliseconds\":', (time.perf_counter() - begun) * 1e3, '}}')"


@attrs.frozen
class _Runner:
    certificate: Certificate
    servers: dict[float, Server]
    small: Server

    def figures(self, case: Case) -> dict[str, Any]:
        """Measure one case once; a peer that fails or is not there says so in its figures."""
        environment = ENVIRONMENTS[case.environment]
        if environment.failure is not None:
            return {"failed": environment.failure}
        if case.kind == "import":
            return self._process(str(environment.python), "-c", _IMPORT.format(core=CLIENT_CORE, **case.options))
        server = self.small if case.kind in _ON_THE_SMALL_SERVER else self.servers[case.delay]
        told = {
            "kind": "load" if case.kind in ("burst", *_ON_THE_SMALL_SERVER) else case.kind,
            "client": case.client,
            "backend": case.backend,
            "in_flight": case.in_flight,
            "url": server.plain if case.scheme == "http" else server.tls,
            "core": CLIENT_CORE,
            **case.options,
        }
        opened = server.connections()
        proxy = {"HTTPS_PROXY": server.plain} if case.kind == "proxied" else {}
        figures = self._process(str(environment.python), "-m", "benchmarks.measure", json.dumps(told), **proxy)
        if case.kind in ("load", "burst"):
            figures["connections"] = server.connections() - opened
        return figures

    def _process(self, *command: str, **variables: str) -> dict[str, Any]:
        told = {**self._variables(), **variables}
        try:
            ended = subprocess.run(
                command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=_LONGEST, check=False
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"no end after {_LONGEST:.0f} s"}
        try:
            figures: dict[str, Any] = json.loads(ended.stdout.strip().rpartition("\n")[2])
        except ValueError:
            return {"failed": f"exit {ended.returncode}", "why": ended.stderr.strip().rpartition("\n")[2]}
        return figures

    def _variables(self) -> dict[str, str]:
        dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "SSL_CERT_DIR")
        kept = {name: value for name, value in os.environ.items() if name not in dropped and not _is_proxy(name)}
        # One cache for all: whether a package's folder may be written to does not count.
        cache = str(BUILD / "bytecode")
        return {**kept, "SSL_CERT_FILE": str(self.certificate.authority), "PYTHONPYCACHEPREFIX": cache}


def run(cases: list[Case], tell: Callable[[Case, int], None], seconds: float) -> tuple[Results, str]:
    """Run every case its number of rounds, A B A B, and keep all figures.

    After ``seconds`` only what is compared is measured again. ``tell`` hears of each case before it
    starts. The server's name is returned too.
    """
    results, begun = Results(), time.monotonic()
    with _runner(cases) as runner:
        name = runner.servers[0.0].name
        for number in range(max(case.rounds for case in cases)):
            for case in cases:
                late = number > 0 and not case.compared and time.monotonic() - begun > seconds
                if number < case.rounds and not late and not results.has_failed(case):
                    tell(case, number)
                    results.add(case, runner.figures(case))
    return results, name


def run_callbacks(results: Results, requests: int, rounds: int) -> None:
    """Measure the other direction too, ``requests`` callbacks in each round, and keep all figures."""
    for name, figures in webhooks.measure(requests, rounds).items():
        case = Case(kind="webhooks", client=name, environment="ours", in_flight=webhooks.CONNECTIONS)
        for one in figures:
            results.add(case, one)


def run_exchange(results: Results, rounds: int) -> None:
    """Measure the sandbox's exchange too, in a process of its own, and keep all figures."""
    command = [sys.executable, "-m", "benchmarks.exchange", "--json", f"--rounds={rounds}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=rounds * _LONGEST, check=True)
    for name, rates in json.loads(ended.stdout).items():
        case = Case(kind="exchange", client=name, environment="ours", in_flight=exchange.CALLS)
        for rate in rates:
            results.add(case, {"per_second": rate})


@contextlib.contextmanager
def _runner(cases: list[Case]) -> Iterator[_Runner]:
    certificate = Certificate.make(BUILD)
    with contextlib.ExitStack() as stack:
        servers = {0.0: stack.enter_context(fast_server(certificate))}
        small = stack.enter_context(small_server(certificate))
        for delay in sorted({case.delay for case in cases} - {0.0}):
            servers[delay] = stack.enter_context(small_server(certificate, delay=delay))
        for size in {case.options["size"] for case in cases if case.kind == "download"}:
            servers[0.0].offer(size)
        for warm_up in {case.options["warm_up"] for case in cases if case.kind == "download"}:
            servers[0.0].offer(warm_up)
        yield _Runner(certificate, servers, small)


def _is_proxy(name: str) -> bool:
    return name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
