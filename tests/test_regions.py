"""Regions: every name that people use, and the one host of each."""

import pytest

from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.regions import UNNAMED, Region, is_platform_host


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (Region.GLOBAL, "calling.api.sinch.com"),
        (Region.EUROPE, "calling-euc1.api.sinch.com"),
        (Region.NORTH_AMERICA, "calling-use1.api.sinch.com"),
        (Region.SOUTH_AMERICA, "calling-sae1.api.sinch.com"),
        (Region.SOUTH_EAST_ASIA_1, "calling-apse1.api.sinch.com"),
        (Region.SOUTH_EAST_ASIA_2, "calling-apse2.api.sinch.com"),
    ],
)
def test_the_host_of_a_region(region: Region, host: str) -> None:
    """The hosts are those of the OpenAPI document."""
    assert region.host == host


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("euc1", Region.EUROPE),
        ("EUROPE", Region.EUROPE),
        ("calling-euc1", Region.EUROPE),
        ("north-america", Region.NORTH_AMERICA),
        ("South_East_Asia_1", Region.SOUTH_EAST_ASIA_1),
        ("south-east-asia2", Region.SOUTH_EAST_ASIA_2),
        (" global ", Region.GLOBAL),
        (Region.SOUTH_AMERICA, Region.SOUTH_AMERICA),
        (None, Region.GLOBAL),
        (UNNAMED, Region.GLOBAL),
    ],
)
def test_a_region_is_read_from_any_of_its_names(text: str | None, region: Region) -> None:
    """Short names, long names and the names that the vendor's SDKs use all work."""
    assert Region.parse(text) is region


def test_the_environment_names_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """SINCH_VOICE_REGION is used where nothing is passed."""
    monkeypatch.setenv("SINCH_VOICE_REGION", "use1")
    assert Region.parse(None) is Region.NORTH_AMERICA
    assert Region.parse(UNNAMED) is Region.NORTH_AMERICA
    assert Region.parse("euc1") is Region.EUROPE
    assert Region.parse(Region.GLOBAL) is Region.GLOBAL
    assert Region.parse("global") is Region.GLOBAL


@pytest.mark.parametrize("text", ["the moon", "", 7, "a.b", "x.example.com/", "apse3@example.com", "-a", "a" * 60, "é"])
def test_no_such_region(text: object) -> None:
    """The message names the argument, the variable and what there is."""
    with pytest.raises(ConfigurationError, match=r"region \(or SINCH_VOICE_REGION\) .* global, euc1"):
        Region.parse(text)  # type: ignore[arg-type]  # what a user without a type checker does


@pytest.mark.parametrize("text", ["apse3", "APSE3", "calling-apse3", " apse3 "])
def test_a_region_that_is_newer_than_this_version(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any name that can be part of a host becomes one by the platform's rule, with a warning that names the host."""
    monkeypatch.setenv("SINCH_VOICE_REGION", text)
    for given in (text, None):
        with pytest.warns(UserWarning, match=r"calling-apse3\.api\.sinch\.com"):
            region = Region.parse(given)
        assert (region.host, region.value, str(region)) == ("calling-apse3.api.sinch.com", "apse3", "apse3")
        assert is_platform_host(region.host)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("calling.api.sinch.com", True),
        ("calling-euc1.api.sinch.com", True),
        ("callingapi.sinch.com", True),
        ("sinch.com", False),
        ("evilapi.sinch.com", False),
        ("calling.api.sinch.com.evil.example", False),
        (".api.sinch.com", False),
        ("api.sinch.com", False),
        ("evil.example\\.api.sinch.com", False),
        ("evil.example%00.api.sinch.com", False),
        ("", False),
    ],
)
def test_the_platform_s_hosts(host: str, ours: bool) -> None:
    """A host is the platform's exactly, or by its whole last labels."""
    assert is_platform_host(host) is ours
