"""Write the JSON Schema of SVAML for editors, from the models: ``python -m checks.svaml_schema``.

The schema has the canonical spelling of each name. Editors complete and check a document with it; what it cannot say,
such as the limits of sizes and where a menu leads, ``sinch-voice svaml check`` says.
"""

import json
import types
import typing
from typing import Any

import attrs

from checks.prose import ROOT
from sinch_voice_async._wire.documents import ACTIONS, INSTRUCTIONS
from sinch_voice_async._wire.registry import camel_case

TARGET = ROOT / "docs" / "_static" / "svaml.schema.json"
PLAIN = {str: "string", int: "integer", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Return the schema of a document."""
    definitions: dict[str, Any] = {}
    instructions = [_step(name, model, definitions) for name, model in INSTRUCTIONS.items()]
    actions = [_as_action(_step(name, model, definitions)) for name, model in ACTIONS.items()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SVAML",
        "description": "Sinch Voice Application Markup Language: instructions, then one action.",
        "type": "object",
        "properties": {
            "instructions": {"type": "array", "items": {"oneOf": instructions}},
            "action": {"oneOf": actions},
        },
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _step(name: str, model: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one instruction or action."""
    found = _object(model, definitions)
    found["properties"] = {"name": {"const": name}, **found["properties"]}
    found["required"] = _required(model, "name")
    return found


def _as_action(step: dict[str, Any]) -> dict[str, Any]:
    """Return an action; as an action, ``startRecording`` has its options under another name."""
    properties = {
        ("recordingOptions" if name == "options" else name): each for name, each in step["properties"].items()
    }
    return {**step, "properties": properties}


def _object(model: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(model)
    fields = [each for each in attrs.fields(model) if each.name != "extra"]
    return {
        "description": (model.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": {camel_case(each.name): _value(hints[each.name], definitions) for each in fields},
        "required": _required(model),
        "additionalProperties": False,
    }


def _required(model: type, *first: str) -> list[str]:
    fields = [each for each in attrs.fields(model) if each.name != "extra"]
    return [*first, *(camel_case(each.name) for each in fields if each.default is attrs.NOTHING)]


def _value(type_: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one type; None is left out, because an absent field is not written."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        found = [_value(each, definitions) for each in typing.get_args(type_) if each is not type(None)]
        # Completion offers the known values of an open enumeration, and any text is allowed.
        return found[0] if len(found) == 1 else {"anyOf": found}
    if typing.get_origin(type_) is typing.Literal:
        return {"enum": [*typing.get_args(type_)]}
    if typing.get_origin(type_) is tuple:
        return {"type": "array", "items": _value(typing.get_args(type_)[0], definitions)}
    if type_ in PLAIN:
        return {"type": PLAIN[type_]}
    name = type_.__name__
    if name not in definitions:
        definitions[name] = {}  # a type may hold itself
        definitions[name] = _object(type_, definitions)
    return {"$ref": f"#/$defs/{name}"}


def written() -> str:
    """Return the text of the file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(written(), encoding="utf-8")
