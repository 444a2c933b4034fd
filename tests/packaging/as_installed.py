"""Run by ``nox -s build`` with the Python of an environment that has the library and nothing else.

It has no test tool, so it is a program: it ends with an exit code, and says what is missing.
"""

import asyncio
import importlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys

import httpx

import sinch_voice_async
from sinch_voice_async import VoiceClient

EXTRAS = {"sinch_voice_async.sandbox": "sandbox", "sinch_voice_async.otel": "otel"}


def check_files() -> None:
    """The package with its type marker, the command, what belongs to the installation, and nothing beside them."""
    distribution = importlib.metadata.distribution("sinch-voice-async")
    assert distribution.version == sinch_voice_async.__version__
    names = [file.as_posix() for file in distribution.files or ()]
    # The command goes where the environment keeps its programs, outside of the folder for packages.
    commands = [name for name in names if name.startswith("../")]
    assert [name.rpartition("/")[2].removesuffix(".exe") for name in commands] == ["sinch-voice"], commands
    folders = {name.partition("/")[0] for name in names} - {".."}
    assert folders == {"sinch_voice_async", f"sinch_voice_async-{distribution.version}.dist-info"}, folders
    assert "sinch_voice_async/py.typed" in names


def check_extras() -> None:
    """Nothing of an extra is here, and what would need it says what to install."""
    for name in ("starlette", "uvicorn", "opentelemetry", "trio", "click", "rich", "pytest"):
        assert importlib.util.find_spec(name) is None, name
    for module, extra in EXTRAS.items():
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            assert f"sinch-voice-async[{extra}]" in str(error), error
        else:
            raise AssertionError(f"{module} needs no extra any more")
    command = subprocess.run(
        [sys.executable, "-I", "-m", "sinch_voice_async"], capture_output=True, text=True, check=False
    )
    assert command.returncode == 2
    assert "sinch-voice-async[cli]" in command.stderr, command.stderr


async def check_callout() -> None:
    """A callout is placed, and a callback is signed and read."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["ttsCallout"]["text"] == "Hello!"
        return httpx.Response(200, json={"callId": "1"})

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        receipt = await client.callouts.tts("+46700000001", "Hello!", cli="+46700000000")
    assert receipt.call_id == "1"

    from sinch_voice_async.testing import signed_callback
    from sinch_voice_async.webhooks import event_from_http

    credentials = sinch_voice_async.Credentials("key", "c2VjcmV0")
    headers, body = signed_callback({"event": "ace", "callid": "1"}, credentials, "/")
    assert event_from_http("POST", "/", headers, body, credentials=credentials).call_id == "1"


if __name__ == "__main__":
    check_files()
    check_extras()
    asyncio.run(check_callout())
    sys.stdout.write(f"sinch-voice-async {sinch_voice_async.__version__} works alone on {sys.version.split()[0]}\n")
