"""The fixtures serve tests of every kind, in a run of pytest of their own."""

import pytest

from sinch_voice_async import Credentials
from sinch_voice_async.testing import pytest_plugin

pytest_plugins = ["pytester"]

APPLICATION = """
import pytest
from sinch_voice_async.webhooks import WebhookApp


@pytest.fixture
def app(sinch_credentials):
    return WebhookApp(credentials=sinch_credentials)
"""

SYNC = """
import anyio
import httpx
import pytest
from sinch_voice_async import errors
from sinch_voice_async.webhooks import event_from_http


def test_callback_is_signed(signed_callback, sinch_credentials):
    headers, body = signed_callback({"event": "ice", "callid": "1"}, "/sinch")
    assert event_from_http("POST", "/sinch", headers, body, credentials=sinch_credentials).call_id == "1"


def test_options_go_through(signed_callback, sinch_credentials):
    headers, body = signed_callback({"event": "ice", "callid": "1"}, now=0.0)
    with pytest.raises(errors.StaleTimestampError):
        event_from_http("POST", "/", headers, body, credentials=sinch_credentials)


def test_sandbox_is_a_real_server(sinch_sandbox, sinch_credentials):
    assert httpx.get(sinch_sandbox.url).status_code in (401, 404)
    assert sinch_sandbox.client_options()["application_key"] == sinch_credentials.application_key


def test_client_serves_one_loop_after_another(voice_client, sinch_sandbox):
    async def place():
        await voice_client.callouts.tts("+46700000001", "Hello!")

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(place, backend=backend)
    assert sinch_sandbox.executed == 3
"""

ASYNC = """
import httpx
import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


async def place(voice_client, sinch_sandbox):
    receipt = await voice_client.callouts.tts("+46700000001", "Hello!")
    assert (await voice_client.calls.get(receipt.call_id)).call_id == receipt.call_id
    assert sinch_sandbox.executed == 1


@pytest.mark.anyio
async def test_with_anyio(voice_client, sinch_sandbox, app, signed_callback):
    await place(voice_client, sinch_sandbox)
    headers, body = signed_callback({"event": "ice", "callid": "1"}, "/sinch")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        assert (await client.post("/sinch", headers=headers, content=body)).status_code == 200


@pytest.mark.asyncio
async def test_with_pytest_asyncio(voice_client, sinch_sandbox):
    await place(voice_client, sinch_sandbox)
"""


def test_fixtures_serve_every_kind_of_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain tests, anyio's on both backends, and those of pytest-asyncio; nothing is left open."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(APPLICATION)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error")
    pytester.makepyfile(test_sync=SYNC, test_async=ASYNC)
    plugins = ("anyio.pytest_plugin", "pytest_asyncio.plugin", "sinch_voice_async.testing.pytest_plugin")
    options = [option for plugin in plugins for option in ("-p", plugin)]
    pytester.runpytest_inprocess(*options, "-q", "-W", "ignore:Module already imported").assert_outcomes(passed=7)


def test_fixtures_can_be_overridden(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other credentials go everywhere."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        """
        import pytest
        from sinch_voice_async import Credentials

        @pytest.fixture
        def sinch_credentials():
            return Credentials("mine", "bWluZQ==")

        def test_all_use_them(signed_callback, voice_client, sinch_sandbox):
            assert signed_callback(b"")[0]["authorization"].startswith("application mine:")
            assert sinch_sandbox.client_options()["application_secret"] == "bWluZQ=="
            assert "mine" in repr(voice_client)
        """
    )
    plugin = ("-p", "sinch_voice_async.testing.pytest_plugin", "-W", "ignore:Module already imported")
    pytester.runpytest_inprocess(*plugin, "-q").assert_outcomes(passed=1)


@pytest.mark.parametrize("speed", ["fast", "-1", "nan", ""])
def test_a_speed_that_is_none_is_a_usage_error(speed: str) -> None:
    """The message names the option of the configuration file."""
    with pytest.raises(pytest.UsageError, match=f"^sinch_sandbox_speed = {speed}: "):
        pytest_plugin._sandbox(Credentials("key", "c2VjcmV0"), speed)
