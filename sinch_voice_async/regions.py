"""Where the platform is: the calling host of each region, and the one host that keeps the configuration."""

import enum
import os
import re
from typing import Final

from sinch_voice_async.errors import ConfigurationError

__all__ = ["CONFIGURATION_HOST", "REGION_VARIABLE", "UNNAMED", "Region", "is_platform_host"]

CONFIGURATION_HOST = "callingapi.sinch.com"
REGION_VARIABLE = "SINCH_VOICE_REGION"
_PLATFORM_SUFFIX = ".api.sinch.com"
_PLATFORM_HOST: Final = re.compile(r"([a-z0-9-]+\.)+api\.sinch\.com")


class Region(enum.StrEnum):
    """A region of the calling host; ``GLOBAL`` lets the platform choose the closest.

    A conference lives in one region: place and manage everything of one conference through the same one.

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
        """The host name that calls of this region are managed on."""
        return f"calling{'' if self is Region.GLOBAL else '-' + self.value}{_PLATFORM_SUFFIX}"

    @classmethod
    def parse(cls, value: "Region | str | None") -> "Region":
        """Read a region from its short name (``"euc1"``) or its long one (``"europe"``, ``"SOUTH_EAST_ASIA_1"``).

        None and ``UNNAMED`` mean ``SINCH_VOICE_REGION`` where that is set, else ``GLOBAL``.

        :raises ConfigurationError: there is no such region.
        """
        given = os.environ.get(REGION_VARIABLE) or cls.GLOBAL if value is None or value is UNNAMED else value
        wanted = str(given).strip().lower().replace("-", "_").replace(" ", "_").removeprefix("calling_")
        for region in cls:
            if wanted in (region.value, region.name.lower(), region.name.lower().replace("asia_", "asia")):
                return region
        known = ", ".join(region.value for region in cls)
        raise ConfigurationError(f"region (or {REGION_VARIABLE}) {given!r} is not one of: {known}")


class _Unnamed(str):
    """A region's name that can be told from the same name given by hand."""

    __slots__ = ()


UNNAMED: Final = _Unnamed(Region.GLOBAL)
"""``GLOBAL`` as a default: who writes ``Region.GLOBAL`` means it, and who writes nothing may mean the variable."""


def is_platform_host(host: str) -> bool:
    """Whether a host name, already parsed out of its URL, is one of the platform's own."""
    return host == CONFIGURATION_HOST or _PLATFORM_HOST.fullmatch(host) is not None
