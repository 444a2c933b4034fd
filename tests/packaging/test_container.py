"""The Dockerfile: what it copies is there, its command is one that the sandbox understands, and the image answers."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sinch_voice_async.sandbox.__main__ import _parser

ROOT = Path(__file__).parents[2]
IMAGE = "sinch-voice-sandbox-test"


def lines(word: str) -> list[str]:
    """Return what follows an instruction, for each time that it stands in the file; continued lines are one."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{word} (.*)$", text, re.MULTILINE)


def test_the_command_is_understood() -> None:
    """By the parser of the sandbox: it listens to the network of the container, and on the port that is exposed."""
    [entry] = lines("ENTRYPOINT")
    python, dash, module, *options = json.loads(entry)
    assert [python, dash, module] == ["python", "-m", "sinch_voice_async.sandbox"]
    parsed = _parser().parse_args(options)
    assert (parsed.host, parsed.allow_remote) == ("0.0.0.0", True)  # the container's own network
    assert lines("EXPOSE") == [str(parsed.port)]


def test_what_is_copied_is_sent_to_the_builder() -> None:
    """The files exist, and .dockerignore lets them pass."""
    passed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in lines("COPY") if not line.startswith("--") for source in line.split()[:-1]}
    assert copied == passed
    assert all((ROOT / name).exists() for name in copied)


def test_it_does_not_run_as_root() -> None:
    """The last account is an ordinary one."""
    assert lines("USER") == ["sandbox"]


def has_docker() -> bool:
    """Return whether images can be built here."""
    found = shutil.which("docker")
    return found is not None and subprocess.run([found, "info"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_docker(), reason="no docker is running on this machine")
def test_the_image_answers() -> None:  # pragma: no cover  # where coverage counts there is no docker
    """Built from the checkout, it serves its page to the machine that runs it."""
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, ROOT], check=True, timeout=600)
    command = ["docker", "run", "--rm", "--detach", "--publish", "127.0.0.1::8070", IMAGE]
    container = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.strip()
    try:
        port = subprocess.run(["docker", "port", container, "8070"], check=True, capture_output=True, text=True).stdout
        url = f"http://{port.strip().splitlines()[0]}/_sandbox/"
        until = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert b"<title>" in answer.read()
                    break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until
                time.sleep(0.2)
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, timeout=300)
