"""The JSON Schema of SVAML for editors agrees with the models."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from sinch_voice_async import svaml
from tests.wire.svaml_documents import documents

pytest.importorskip("checks", reason="the programs of lint are in the repository, and not in a built package")

from checks import svaml_schema  # after the skip

SCHEMA: dict[str, Any] = svaml_schema.schema()


def loosened(schema: Any) -> Any:
    """Return the schema with unknown fields allowed, since generated documents have some."""
    if isinstance(schema, dict):
        return {key: True if key == "additionalProperties" else loosened(each) for key, each in schema.items()}
    return [loosened(each) for each in schema] if isinstance(schema, list) else schema


def undescribed(schema: Any) -> Any:
    """Return the schema without its descriptions, which are the first lines of docstrings."""
    if isinstance(schema, dict):
        return {key: undescribed(each) for key, each in schema.items() if key != "description"}
    return [undescribed(each) for each in schema] if isinstance(schema, list) else schema


LOOSE = Draft202012Validator(loosened(SCHEMA))
STRICT = Draft202012Validator(SCHEMA)


def test_the_file_is_current() -> None:
    """After a change of the models, run ``python -m checks.svaml_schema``; descriptions may be older."""
    published = json.loads(svaml_schema.TARGET.read_text(encoding="utf-8"))
    assert undescribed(published) == undescribed(SCHEMA)
    Draft202012Validator.check_schema(SCHEMA)


@settings(deadline=None)
@given(documents())
def test_a_document_of_the_models_is_valid(document: svaml.Svaml[Any, Any]) -> None:
    """What the library writes, an editor accepts, unless it has an instruction or action that only the future knows."""
    steps = [*(document.instructions or ()), *([document.action] if document.action else [])]
    if not any(isinstance(step, svaml.UnknownInstruction | svaml.UnknownAction) for step in steps):
        LOOSE.validate(json.loads(svaml.dumps(document)))


@pytest.mark.parametrize(
    "document",
    [
        {"action": {"name": "hangup", "reason": "bye"}},
        {"action": {"name": "connectPstn", "maxDuraton": 60}},
        {"action": {"name": "say", "text": "Hello"}},
        {"instructions": [{"name": "say"}]},
        {"instructions": {"name": "say", "text": "Hello"}},
        {"acton": {"name": "hangup"}},
    ],
    ids=json.dumps,
)
def test_a_mistake_is_marked(document: dict[str, Any]) -> None:
    """A misspelt field, a missing one, and a step in the wrong place are errors."""
    assert [*STRICT.iter_errors(document)]
