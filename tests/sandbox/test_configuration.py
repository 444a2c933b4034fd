"""Numbers, callback URLs and number queries over HTTP."""

import pytest

from sinch_voice_async.sandbox import Sandbox, account

from .caller import Caller, error, in_process

NUMBERS = "/v1/configuration/numbers"


async def listed(caller: Caller) -> list[dict[str, str]]:
    """Read the customer's numbers."""
    numbers: list[dict[str, str]] = (await caller.send("GET", NUMBERS)).json()["numbers"]
    return numbers


@pytest.mark.parametrize("path", [NUMBERS, f"{NUMBERS}/"])
async def test_numbers_are_assigned_and_taken_back(caller: Caller, path: str) -> None:
    """By default to the application that asks; DELETE carries a JSON body."""
    key = caller.sandbox.account.application_key
    assert (await caller.send("POST", path, {"numbers": ["+14151112223333"]})).status_code == 204
    assert await listed(caller) == [{"number": "+14151112223333", "applicationkey": key, "capability": "voice"}]
    body = {"number": "+14151112223333", "applicationKey": key.upper(), "capability": "voice"}
    assert (await caller.send("DELETE", path, body)).status_code == 204
    assert await listed(caller) == [{"number": "+14151112223333", "capability": "voice"}]


async def test_numbers_go_to_another_application_of_the_customer(caller: Caller) -> None:
    """Only keys that the platform knows are accepted."""
    body = {"numbers": ["+14151112223333"], "applicationkey": "other", "capability": "sms"}
    assert error(await caller.send("POST", NUMBERS, body)) == (400, 40003)
    caller.sandbox.account.other_applications.add("OTHER")
    assert (await caller.send("POST", NUMBERS, body)).status_code == 204
    assert await listed(caller) == [{"number": "+14151112223333", "applicationkey": "other", "capability": "sms"}]
    assert error(await caller.send("DELETE", NUMBERS, {"number": "+14151112223333"})) == (400, 40001)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 40002),
        ({"numbers": []}, 40002),
        ({"numbers": "+14151112223333"}, 40001),
        ({"numbers": ["14151112223333"]}, 40005),
        ({"numbers": ["+1415-111"]}, 40001),
        ({"numbers": [f"+4670000{index:04}" for index in range(101)]}, 40001),
        ({"numbers": ["+14151112223333"], "capability": "fax"}, 40001),
    ],
)
async def test_assigning_can_go_wrong(caller: Caller, body: dict[str, object], code: int) -> None:
    """And then no number is assigned."""
    assert error(await caller.send("POST", NUMBERS, body)) == (400, code)
    assert await listed(caller) == []


@pytest.mark.parametrize(
    ("body", "code"), [({}, 40002), ({"number": "46"}, 40005), ({"number": "+46700000009"}, 40001)]
)
async def test_taking_back_can_go_wrong(caller: Caller, body: dict[str, object], code: int) -> None:
    """A number that is not there cannot be taken."""
    assert error(await caller.send("DELETE", NUMBERS, body)) == (400, code)


async def test_a_customer_may_own_just_these_numbers() -> None:
    """All are assigned, or none."""
    async with in_process(Sandbox(numbers=["+46700000001"])) as caller:
        assert await listed(caller) == [{"number": "+46700000001", "capability": "voice"}]
        body = {"numbers": ["+46700000001", "+46700000002"]}
        assert error(await caller.send("POST", NUMBERS, body)) == (400, 40001)
        assert await listed(caller) == [{"number": "+46700000001", "capability": "voice"}]


async def test_callback_urls_are_read_and_changed() -> None:
    """What is left out, or null, stays as it was."""
    sandbox = Sandbox(callback_url="https://first.example")
    path = f"/v1/configuration/callbacks/applications/{sandbox.account.application_key}"
    async with in_process(sandbox) as caller:
        assert (await caller.send("GET", path)).json() == {"url": {"primary": "https://first.example"}}
        body = {"url": {"primary": None, "fallback": "https://second.example"}}
        assert (await caller.send("POST", path, body)).status_code == 204
        both = {"primary": "https://first.example", "fallback": "https://second.example"}
        assert (await caller.send("GET", path)).json() == {"url": both}
        await caller.send("POST", path, {"url": {"primary": "http://third.example"}})
        assert sandbox.account.callback_urls.primary == "http://third.example"


async def test_callback_urls_can_be_wrong(caller: Caller) -> None:
    """Only the customer's applications, only http and https."""
    path = "/v1/configuration/callbacks/applications"
    own = caller.sandbox.account.application_key
    url = {"url": {"primary": "ftp://example"}}
    assert error(await caller.send("GET", f"{path}/unknown")) == (400, 40003)
    assert error(await caller.send("POST", f"{path}/unknown", url)) == (400, 40003)
    assert error(await caller.send("POST", f"{path}/{own}", url)) == (400, 40001)
    assert error(await caller.send("POST", f"{path}/{own}", {})) == (400, 40002)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+46(0)73-017-0101", ("SE", "Mobile", "+46730170101")),
        ("%2B46%2073%20017%2001%2001", ("SE", "Mobile", "+46730170101")),
        ("004989123456", ("DE", "Fixed", "+4989123456")),
        ("14151112222", ("US", "Fixed", "+14151112222")),
        ("+99912345678", ("", "Unknown", "+99912345678")),
    ],
)
async def test_numbers_are_looked_up_in_any_form(caller: Caller, number: str, found: tuple[str, str, str]) -> None:
    """The documents' own sample has a trunk prefix in brackets."""
    caller.sandbox.account.forbidden.add("999")
    answer = (await caller.send("GET", f"/v1/calling/query/number/{number}")).json()["number"]
    assert (answer["countryId"], answer["numberType"], answer["normalizedNumber"]) == found
    assert answer["restricted"] is (found[0] == "")
    assert answer["rate"] == {"currencyId": "USD", "amount": 0.0368}


@pytest.mark.parametrize("number", ["hello", "+12", "0730170101", "+1234567890123456"])
async def test_what_is_no_number_is_refused(caller: Caller, number: str) -> None:
    """Too short, too long, or without its country."""
    assert error(await caller.send("GET", f"/v1/calling/query/number/{number}")) == (400, 40001)


async def test_numbers_are_bounded(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that assigns numbers for ever does not fill the memory."""
    monkeypatch.setattr(account, "MOST_NUMBERS", 3)
    numbers = ["+46700000001", "+46700000002"]
    assert (await caller.send("POST", "/v1/configuration/numbers", {"numbers": numbers})).status_code == 204
    assert error(await caller.send("POST", "/v1/configuration/numbers", {"numbers": numbers})) == (400, 40001)
