"""The parts of the runbook's JSON Schema that depend on each other: for editors, and for whoever checks without this program."""

from __future__ import annotations

from typing import Any

from aiops.core.programs import DECLARED
from aiops.runbooks.check_action import (
    CHANGES,
    DURATION,
    FIXED,
    HAND_OVERS,
    KEYS,
    KINDS,
    LABEL,
    METHODS,
    NEEDED,
    NO_EFFECT,
    TAKE_NOTHING_BACK,
    URL,
    WITHOUT_NAMESPACE,
)
from aiops.runbooks.check_exec import PROGRAM, SECRET

_SECRET: dict[str, Any] = {
    "type": "object",
    "properties": {"secret": {"type": "string", "pattern": SECRET}},
    "required": ["secret"],
    "additionalProperties": False,
}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
_ARGV: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string"},
    "prefixItems": [{"type": "string", "pattern": PROGRAM, "description": "the program: never an expression"}],
    "description": "one item is one argument; there is no shell",
}
_EXEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "host": {"type": "string"},
        "argv": _ARGV,
        "data_args": {"enum": list(DECLARED), "description": "how a script takes look-ups as data"},
        "env": _TEXTS,
        "secrets_env": {"type": "object", "additionalProperties": _SECRET},
        "stdin_json": True,
    },
    "required": ["argv"],
    "additionalProperties": False,
}
_HTTP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "method": {"enum": list(METHODS)},
        "url": {"type": "string", "pattern": URL, "description": "look-ups may stand in the path only"},
        "headers": _TEXTS,
        "auth": {
            "type": "object",
            "properties": {"bearer": _SECRET, "basic": _SECRET},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "json": {"type": "object"},
    },
    "required": ["method", "url"],
    "additionalProperties": False,
}
_QUERY: dict[str, Any] = {
    "type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"], "additionalProperties": False,
}


def _when(uses: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"uses": uses}, "required": ["uses"]}, "then": then}


def _given(uses: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return _when(uses, {"properties": {"with": given}, "required": ["with"]})


_FIXED: dict[str, Any] = {"type": "string", "pattern": FIXED, "description": "fixed text: never an expression"}
_LASTS: dict[str, Any] = {"type": "string", "pattern": DURATION}
_VALUES: dict[str, dict[str, Any]] = {
    "wait": {"for": _LASTS},
    "notify": {"route": _FIXED, "message": {"type": "string"}},
    "alertmanager.silence": {
        "labels": {**_TEXTS, "minProperties": 1, "propertyNames": {"pattern": LABEL}},
        "for": _LASTS,
        "comment": {"type": "string"},
    },
    "kubernetes.cordon": {"unschedulable": {"type": "boolean"}},
    **{
        one: {"job": _FIXED, "variables": {"type": "object", "propertyNames": {"pattern": LABEL, "not": {"const": "aiops_key"}}}}
        for one in HAND_OVERS
    },
    **{one: {"kind": {"enum": list(kinds)}} for one, kinds in KINDS.items()},
}


def _of(uses: str) -> dict[str, Any]:
    """What an action may and must be given."""
    values = {key: _VALUES.get(uses, {}).get(key, True) for key in KEYS[uses]}
    shape = {"type": "object", "properties": values, "required": list(NEEDED[uses]), "additionalProperties": False}
    if uses != "kubernetes.get":
        return shape
    nowhere = {"properties": {"kind": {"enum": list(WITHOUT_NAMESPACE)}}}
    return {**shape, "anyOf": [{"required": ["namespace"]}, nowhere]}


ACTIONS: list[Any] = [
    _given({"const": "exec"}, _EXEC),
    _given({"const": "http"}, _HTTP),
    _given({"const": "promql"}, _QUERY),
    _given({"const": "compute"}, {"type": "object", "minProperties": 1}),
    *(_given({"const": uses}, _of(uses)) for uses in NEEDED),
    _when({"enum": list(NEEDED)}, {"required": ["with"]}),
]
STEPS: list[Any] = [
    _when({"enum": ["exec", "http"]}, {"required": ["timeout"]}),
    _when({"not": {"enum": list(NO_EFFECT)}}, {"required": ["effect"]}),
    _when({"enum": list(CHANGES)}, {"properties": {"effect": {"const": "write"}}}),
    {
        "if": {"properties": {"effect": {"const": "write"}}, "required": ["effect"]},
        "else": {"properties": {"undo": False, "irreversible": False}},
        "then": {
            "required": ["timeout"],
            "allOf": [
                {"anyOf": [{"required": ["undo"]}, {"required": ["irreversible"]}]},
                {"anyOf": [{"required": ["idempotent"]}, {"required": ["check"]}]},
            ],
        },
    },
]
UNDO: dict[str, Any] = {"properties": {"uses": {"not": {"enum": list(TAKE_NOTHING_BACK)}}}}
CHECK: dict[str, Any] = {"oneOf": [{"required": ["url"]}, {"required": ["argv"]}, {"required": ["promql"]}]}
VERIFICATION: dict[str, Any] = {
    "oneOf": [
        {"required": ["promql", "expect"], "not": {"required": ["forecast"]}},
        {"required": ["forecast"], "not": {"anyOf": [{"required": ["promql"]}, {"required": ["expect"]}]}},
    ]
}
RUNBOOK: list[Any] = [
    {
        "if": {
            "properties": {
                "steps": {"contains": {"properties": {"effect": {"const": "write"}}, "required": ["effect"]}}
            },
            "required": ["steps"],
        },
        "then": {
            "required": ["target_by", "guards", "verify", "tests", "mode"],
            "properties": {"guards": {"required": ["cooldown", "max_runs", "max_targets"]}},
        },
    },
    {
        "if": {"properties": {"mode": {"const": "approve"}}, "required": ["mode"]},
        "then": {"required": ["approval"]},
    },
]
