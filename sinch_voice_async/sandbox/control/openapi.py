"""The control API as OpenAPI 3.1, from the same table that serves it.

Source: OpenAPI Specification, 3.1.
"""

import re
from collections.abc import Iterable, Mapping

from sinch_voice_async.sandbox.control.table import API, Control, Member

__all__ = ["described"]

PARAMETER = re.compile(r"\{(\w+)\}")
ERROR = {
    "type": "object",
    "required": ["errorCode", "message", "reference"],
    "properties": {
        "errorCode": {"type": "integer", "description": "the HTTP status and two digits"},
        "message": {"type": "string"},
        "reference": {"type": "string"},
    },
}
FILES = {"/recordings/{key}", "/requests/{id}/body", "/requests/{id}/response-body"}


def described(controls: Iterable[Control], version: str) -> dict[str, object]:
    """Return the document."""
    paths: dict[str, dict[str, object]] = {}
    for control in controls:
        paths.setdefault(API + control.path, {})[control.method.lower()] = _operation(control)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of the Voice sandbox",
            "version": version,
            "description": "Places and manages calls of a sandbox, and shows what it sent and received. No password: "
            "it answers at localhost, at IP addresses, and at names given with --allow-host.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }


def _operation(control: Control) -> dict[str, object]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(control.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": each.about, "schema": dict(each.schema)}
        for name, each in control.query.items()
    ]
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, object] = {
        "operationId": _name(control),
        "summary": control.does,
        "parameters": parameters,
        "responses": {
            str(control.status): {"description": "Done.", **_content(control)},
            "default": {"description": "Refused: the error says why.", "content": reference},
        },
    }
    if control.takes or control.example is not None:
        operation["requestBody"] = {"content": {"application/json": _body(control)}}
    return operation


def _content(control: Control) -> Mapping[str, object]:
    if control.status == 204:
        return {}
    if control.path == "/events":
        return {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
    if control.path in FILES and control.method == "GET":
        return {"content": {"application/octet-stream": {}}}
    return {"content": {"application/json": {"schema": {"type": "object"}}}}


def _body(control: Control) -> Mapping[str, object]:
    example = {} if control.example is None else {"example": dict(control.example)}
    return {"schema": _schema(control.takes), **example}


def _schema(takes: Mapping[str, Member]) -> Mapping[str, object]:
    required = [name for name, each in takes.items() if each.required]
    return {
        "type": "object",
        "properties": {name: {**each.schema, "description": each.about} for name, each in takes.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _name(control: Control) -> str:
    words = re.findall(r"\w+", control.path) or ["root"]
    return control.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)
