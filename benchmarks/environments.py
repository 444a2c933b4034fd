"""An environment for each peer, so that no peer decides what another runs on.

Versions that the README quotes are pinned where the peer no longer moves; the others are the newest release.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import attrs

from benchmarks.machine import BUILD, ROOT

__all__ = ["ENVIRONMENTS", "Environment"]


@attrs.define
class Environment:
    """A peer's own interpreter; ``failure`` says why it is missing."""

    name: str
    requirements: tuple[str, ...]
    python: Path = attrs.field(init=False)
    version: str = ""
    failure: str | None = None

    def __attrs_post_init__(self) -> None:
        """Find the interpreter: ours is the one that runs this."""
        self.python = Path(sys.executable)
        if self.requirements:
            self.python = BUILD / "environments" / self.name / "bin" / "python"

    def prepare(self) -> None:
        """Install the peer, unless an earlier run did; what fails is kept to be shown."""
        try:
            if self.requirements and not self._is_ready():
                self._install()
            self.version = self._read_version()
        except (OSError, subprocess.SubprocessError) as error:
            self.failure = f"could not be installed ({type(error).__name__})"

    def _is_ready(self) -> bool:
        stamp = self.python.parent.parent / "requirements"
        return self.python.exists() and stamp.exists() and stamp.read_text() == "\n".join(self.requirements)

    def _install(self) -> None:
        folder = self.python.parent.parent
        shutil.rmtree(folder, ignore_errors=True)
        uv = shutil.which("uv")
        if uv is not None:
            _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
            _run(uv, "pip", "install", "--quiet", "--python", str(self.python), *self.requirements)
        else:
            _run(sys.executable, "-m", "venv", str(folder))
            _run(str(self.python), "-m", "pip", "install", "--quiet", *self.requirements)
        (folder / "requirements").write_text("\n".join(self.requirements))

    def _read_version(self) -> str:
        name = self.requirements[0].partition("==")[0] if self.requirements else "sinch-voice-async"
        code = f"import importlib.metadata as m; print(m.version({name!r}))"
        asked = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        return asked.stdout.strip()


def _run(*command: str) -> None:
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, timeout=300, env=quiet, stdout=subprocess.DEVNULL)


# The library itself is imported from the clone, since every process runs there.
_OURS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])

ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("ours", ()),
        Environment("floor", ("httptools", "uvloop")),
        Environment("aiohttp", ("aiohttp", "uvloop")),
        Environment("httpx", ("httpx==0.28.1", "trio")),
        Environment("httpx2", ("httpx2", "trio")),
        Environment("twilio", ("twilio", "uvloop")),
        Environment("sinch", ("sinch==1.1.4",)),
        Environment("telnyx", ("telnyx",)),
        Environment("wreq", ("wreq", *_OURS)),
        Environment("pyreqwest", ("pyreqwest", *_OURS)),
    )
}
