"""The hosts of the platform: a calling host for each region, and one host for the configuration."""

import enum
import os
import re
import warnings
from typing import Final

from sinch_voice_async.errors import ConfigurationError

__all__ = ["CONFIGURATION_HOST", "REGION_VARIABLE", "UNNAMED", "Region", "is_platform_host"]

CONFIGURATION_HOST = "callingapi.sinch.com"
REGION_VARIABLE = "SINCH_VOICE_REGION"
_PLATFORM_SUFFIX = ".api.sinch.com"
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_PLATFORM_HOST: Final = re.compile(r"([a-z0-9-]+\.)+api\.sinch\.com")


class Region(enum.StrEnum):
    """A region of the calling host; ``GLOBAL`` lets the platform choose the closest.

    A conference lives in one region: place and manage all its calls through that region.

    Source: OpenAPI, servers.
    """

    GLOBAL = "global"
    EUROPE = "euc1"
    NORTH_AMERICA = "use1"
    SOUTH_AMERICA = "sae1"
    SOUTH_EAST_ASIA_1 = "apse1"
    SOUTH_EAST_ASIA_2 = "apse2"

    @property
    def host(self) -> str:
        """The name of the calling host of this region."""
        return f"calling{'' if self is Region.GLOBAL else '-' + self.value}{_PLATFORM_SUFFIX}"

    @classmethod
    def parse(cls, value: "Region | str | None") -> "Region":
        """Read a region from its short name (``"euc1"``) or its long one (``"europe"``, ``"SOUTH_EAST_ASIA_1"``).

        None and ``UNNAMED`` mean ``SINCH_VOICE_REGION`` if that is set, else ``GLOBAL``. A name that this version does
        not know becomes a region whose host follows the platform's rule (``"apse3"``: calling-apse3.api.sinch.com),
        with a warning.

        :raises ConfigurationError: when the value cannot be part of a host name.
        """
        if isinstance(value, cls):
            return value
        given = os.environ.get(REGION_VARIABLE) or cls.GLOBAL if value is None or value is UNNAMED else value
        name = str(given).strip().lower().replace("calling_", "calling-").removeprefix("calling-")
        wanted = name.replace("-", "_").replace(" ", "_")
        for region in cls:
            if wanted in (region.value, region.name.lower(), region.name.lower().replace("asia_", "asia")):
                return region
        known = ", ".join(region.value for region in cls)
        if not isinstance(given, str) or not _LABEL.fullmatch(name):
            raise ConfigurationError(
                f"region (or {REGION_VARIABLE}) {given!r} is not one of {known}, and cannot be part of a host name; "
                "base_url= takes a whole host"
            )
        region = cls._unknown(name)
        warnings.warn(f"region {name!r} is newer than this library: requests go to {region.host}", stacklevel=3)
        return region

    @classmethod
    def _unknown(cls, name: str) -> "Region":
        """Return a region that is not a member: one that is newer than this version."""
        region = str.__new__(cls, name)
        region._name_, region._value_ = name.upper(), name
        return region


class _Unnamed(str):
    """The default name, which differs from the same name in an argument."""

    __slots__ = ()


UNNAMED: Final = _Unnamed(Region.GLOBAL)
"""``GLOBAL`` as a default: ``Region.GLOBAL`` in an argument means it, and no argument leaves it to the variable."""


def is_platform_host(host: str) -> bool:
    """Return if a host name, parsed from a URL, belongs to the platform."""
    return host == CONFIGURATION_HOST or _PLATFORM_HOST.fullmatch(host) is not None
