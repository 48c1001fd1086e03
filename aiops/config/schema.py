"""The JSON Schema of the configuration, with each plug-in's own parameters where they are written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from aiops import plugins
from aiops.config.actions import schema_of_actions
from aiops.config.fields import schema_of_file
from aiops.config.settings import ReceiverSettings, Settings, SourceSettings
from aiops.core.errors import AiopsError

_PLUGGED: dict[str, tuple[str, type[BaseModel]]] = {
    "SourceSettings": ("sources", SourceSettings),
    "ReceiverSettings": ("notifiers", ReceiverSettings),
}


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a config file."""
    schema = schema_of_file(Settings)
    for name, (group, model) in _PLUGGED.items():
        schema["$defs"][name] = _one_of(group, schema_of_file(model), schema["$defs"])
    schema["$defs"]["ResponseSettings"]["properties"]["actions"] = schema_of_actions(schema["$defs"])
    return schema


def _one_of(group: str, common: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in common["properties"].items() if key not in ("kind", "params")}
    return {
        "description": common.get("description", ""),
        "oneOf": [_kind(group, kind, shared, definitions) for kind in sorted(plugins.catalogue(group))],
    }


def _kind(group: str, kind: str, shared: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    try:
        own = schema_of_file(plugins.load(group, kind).Params)
    except (AiopsError, ImportError, AttributeError):
        own = {}  # it cannot be loaded here: nothing is known of its parameters
    definitions |= own.get("$defs", {})
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": {"kind": {"const": kind}, **shared, **own.get("properties", {})},
        "required": ["kind", *own.get("required", [])],
        "additionalProperties": not own,
    }
