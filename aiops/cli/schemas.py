"""`aiops schema`: the JSON Schemas of the files that people write."""

from __future__ import annotations

from typing import Any

KINDS = ("card", "runbook", "config", "policy")


def schema_of(kind: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of a `card`, `runbook`, `config` or `policy`. Raises KeyError for anything else."""
    if kind == "card":
        from aiops.models.card import json_schema as of_card

        return of_card()
    if kind == "runbook":
        from aiops.runbooks import json_schema as of_runbook

        return of_runbook()
    if kind == "config":
        from aiops.config.schema import json_schema as of_config

        return of_config()
    if kind == "policy":
        from aiops.governance.policy import json_schema as of_policy

        return of_policy()
    raise KeyError(kind)
