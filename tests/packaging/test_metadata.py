"""What is written about the package, in the places that programs read."""

import importlib.metadata
import re
from pathlib import Path

import pytest

import sinch_voice_async

ROOT = Path(__file__).parents[2]
METADATA = importlib.metadata.metadata("sinch-voice-async")


def test_the_version_is_one() -> None:
    """What is installed, what the package says, and what is to be cited have the same version."""
    assert METADATA["Version"] == sinch_voice_async.__version__
    for citation in ROOT.glob("CITATION.cff"):
        assert f"\nversion: {sinch_voice_async.__version__}\n" in citation.read_text(encoding="utf-8")


def test_the_metadata_is_what_an_index_shows() -> None:
    """A licence, a description, the typing marker, and links to where one would look next."""
    assert METADATA["License-Expression"] == "Apache-2.0"
    assert METADATA["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in METADATA.get_all("Classifier", [])
    links = dict(line.split(", ", 1) for line in METADATA.get_all("Project-URL", []))
    assert {"Changelog", "Documentation", "Issues", "Security", "Source"} <= links.keys()
    assert all(link.startswith("https://") for link in links.values())


@pytest.mark.parametrize("requirement", importlib.metadata.requires("sinch-voice-async") or ())
def test_every_dependency_is_bounded(requirement: str) -> None:
    """A lower bound that was tried, and an upper one below the next version that may break a promise."""
    bounded = re.match(r"[\w.-]+(\[\w+\])?<[\d.]+,>=[\d.]+", requirement)
    assert bounded or requirement.startswith("tzdata"), requirement  # tzdata: data, whose newest is always wanted


@pytest.mark.parametrize("workflow", sorted(ROOT.glob(".github/workflows/*.yml")), ids=lambda path: path.name)
def test_actions_are_pinned_and_may_little(workflow: Path) -> None:
    """Each action is named by a commit, which nobody can move, and a workflow begins with no permission at all."""
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: *(\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used), used
    assert "\npermissions: {}\n" in text
