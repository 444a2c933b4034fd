"""Who may control a sandbox: whoever sits at its machine, and no web page from elsewhere."""

import pytest

from sinch_voice_async.sandbox.control.table import Guard
from sinch_voice_async.sandbox.requests import RefusalError

HERE = (
    "localhost",
    "localhost:8070",
    "127.0.0.1:8070",
    "[::1]:8070",
    "192.0.2.7:80",
    "sandbox.localhost:1",
    "LOCALHOST",
    "sandbox:8099",
    "SANDBOX",
    "voice.test",
)
ELSEWHERE = (
    "",
    "evil.example",
    "localhost.evil.example:8070",
    "127.0.0.1.evil.example",
    "evil",
    "[::1",
    "a@[b]",
    "127.1.",
    "localhost.",
    "sandbox.test",
    "xsandbox",
)
GUARD = Guard(["Sandbox", "voice.test"])
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("host", HERE)
def test_an_address_that_nobody_can_rebind_is_let_in(host: str) -> None:
    """localhost and IP addresses, with or without a port."""
    GUARD.check("GET", {"host": host})
    GUARD.check("POST", {"host": host, **JSON, "origin": f"http://{host}", "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_name_that_anybody_could_have_given_this_machine_is_refused(host: str) -> None:
    """This is how DNS rebinding arrives."""
    with pytest.raises(RefusalError, match="'Host'") as caught:
        GUARD.check("GET", {"host": host})
    assert caught.value.status == 403


def test_a_request_without_any_host_is_refused() -> None:
    """HTTP/1.0 may leave it out; browsers never do."""
    with pytest.raises(RefusalError, match="'Host'"):
        GUARD.check("GET", {})


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://localhost", "http://localhost:9", "http://127.0.0.1:8070", "file://"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_sites_page_is_refused(method: str, origin: str) -> None:
    """Another port of this machine is another site, too."""
    with pytest.raises(RefusalError, match="'Origin'") as caught:
        GUARD.check(method, {"host": "localhost:8070", "origin": origin, **JSON})
    assert caught.value.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_it_comes_from_elsewhere_is_believed(site: str) -> None:
    """An image or a link sends no Origin, but says this."""
    with pytest.raises(RefusalError, match="'Sec-Fetch-Site'"):
        GUARD.check("GET", {"host": "localhost", "sec-fetch-site": site})


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_must_be_called_json(method: str, media_type: str) -> None:
    """Which no form of another site can do without a preflight that is never answered."""
    with pytest.raises(RefusalError, match="application/json") as caught:
        GUARD.check(method, {"host": "localhost", "content-type": media_type})
    assert caught.value.status == 415


def test_parameters_of_the_media_type_do_not_matter() -> None:
    """``application/json; charset=utf-8`` is JSON."""
    GUARD.check("PUT", {"host": "localhost", "content-type": "Application/JSON; charset=utf-8"})
