"""Where the measuring happens: which core is whose, and what to write beside the figures."""

import os
import platform
import subprocess
from pathlib import Path

__all__ = ["BUILD", "CLIENT_CORE", "LOAD", "ROOT", "SERVER_CORE", "describe", "pin", "stop"]

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "benchmarks"

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER_CORE, CLIENT_CORE = _CORES[0], _CORES[-1]

# Other work on the machine widens every figure, so a reader should know of it.
LOAD = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def pin(core: int) -> None:
    """Keep this process, and what it starts, on one core, if the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def describe() -> dict[str, str]:
    """Return what a reader needs to judge the figures, and nothing that names this machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": "server and client on one core each"
        if SERVER_CORE != CLIENT_CORE
        else "server and client share a core",
        "load": f"{LOAD:.1f} before the run",
    }


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process that we started, patiently, then without asking."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
