"""Records to plain JSON and back. NaN is never stored: JSON has none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, cast

from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom


def to_json(record: Any) -> Any:
    """A record, with everything in it, as JSON values; NaN and infinities become null."""
    if isinstance(record, EarlyWarning | Symptom | Crossing | Lineage | Outcome):
        return {f.name: to_json(getattr(record, f.name)) for f in fields(record)}
    if isinstance(record, Mapping):
        return {str(k): to_json(v) for k, v in record.items()}
    if isinstance(record, tuple | list):
        return [to_json(v) for v in record]
    if isinstance(record, float) and not math.isfinite(record):
        return None
    return record


def _crossing(value: Any) -> Crossing | None:
    return None if value is None else Crossing(**value)


def _symptom(value: dict[str, Any]) -> Symptom:
    lineage = dict(value["lineage"])
    lineage["residency"], lineage["partial"] = tuple(lineage["residency"]), tuple(lineage["partial"])
    return Symptom(**{**value, "crossing": _crossing(value["crossing"]), "lineage": Lineage(**lineage)})


def warning_from(value: Mapping[str, Any]) -> EarlyWarning:
    """The early warning that `to_json` wrote."""
    changed = {
        "crossing": _crossing(value["crossing"]),
        "first_crossing": _crossing(value["first_crossing"]),
        "symptoms": tuple(_symptom(dict(s)) for s in value["symptoms"]),
        "runbooks": tuple(value["runbooks"]),
        "members": tuple(value.get("members", ())),
        "beside": tuple(value.get("beside", ())),
    }
    return EarlyWarning(**{**cast(dict[str, Any], dict(value)), **changed})


def outcome_from(value: Mapping[str, Any]) -> Outcome:
    """The outcome that `to_json` wrote."""
    return Outcome(**{**cast(dict[str, Any], dict(value)), "told": _crossing(value["told"])})
