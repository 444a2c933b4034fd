"""The archiving example, as a program of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sinch_voice_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "archive_recordings.py"


def run(sandbox: Sandbox, *arguments: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
    account = sandbox.account
    settings = {
        "SINCH_APPLICATION_KEY": account.application_key,
        "SINCH_APPLICATION_SECRET": secret or account.application_secret,
        "SINCH_VOICE_BASE_URL": sandbox.url,
        "PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]),
        "COLUMNS": "120",
    }
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_archives_and_says_so(tmp_path: Path, backend: str) -> None:
    """The bar comes to its end, the files are there, and a wrong secret is one line."""
    with Sandbox().serve() as sandbox:
        keys = {sandbox.add_recording(seconds=0.1).key for _ in range(3)}
        done = run(sandbox, str(tmp_path / "archive"), "--days", "1", "--delete", "--backend", backend)
        assert (done.returncode, done.stderr) == (0, "")
        assert "3/3" in done.stdout
        assert "3 downloaded (4.9 kB), 0 already there, 0 deleted by others, 3 deleted from the platform" in done.stdout
        lines = (tmp_path / "archive" / "manifest.jsonl").read_text().splitlines()
        assert {json.loads(line)["key"] for line in lines} == keys
        assert len(sandbox.recordings) == 0
        refused = run(sandbox, str(tmp_path / "archive"), secret="d3Jvbmc=")
    assert refused.returncode == 1
    assert refused.stderr.startswith("AuthenticationError: 401")
