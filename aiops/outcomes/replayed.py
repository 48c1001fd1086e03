"""Outcomes that a causal backtest of a team's own past gave, read from lines of JSON: `Outcome` as the store writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from aiops.core.records import BY_DAEMON, Crossing, Outcome, Verdict

AT_MOST = 100_000
"""Outcomes of one replay."""
LABELS_AT_MOST, TEXT_AT_MOST = 64, 1024
Text = Annotated[str, Field(max_length=TEXT_AT_MOST)]
Second = Annotated[int, Field(ge=0, lt=2**40)]


def _few(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > LABELS_AT_MOST:
        raise ValueError(f"has more than {LABELS_AT_MOST} labels")
    return labels


TextMap = Annotated[dict[Text, Text], AfterValidator(_few)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    earliest_s: FiniteFloat
    expected_s: FiniteFloat
    latest_s: FiniteFloat


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    warning_id: Annotated[str, Field(max_length=32)]
    card: Annotated[str, Field(min_length=1, max_length=64)]
    entity: TextMap
    verdict: Verdict
    settled_s: Second
    opened_s: Second | None = None
    failed_s: Second | None = None
    lead_s: FiniteFloat | None = None
    eta_error_s: FiniteFloat | None = None
    interval_covered: bool | None = None
    judged_by: Text = BY_DAEMON
    detail: Text = ""
    told: _Told | None = None
    well_timed: bool | None = None
    truth: Text = ""
    about: TextMap = {}
    acted: bool = False
    raw: dict[Text, FiniteFloat] = {}
    origin: Text = ""


def read(lines: Iterable[bytes | str], now_s: float) -> list[Outcome]:
    """The outcomes of a file, one a line, empty lines left out; each marked as replayed, whatever it says.

    Raises ValueError, naming the line, on what is no outcome or did not lie in the past.
    """
    out: list[Outcome] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(out) >= AT_MOST:
            raise ValueError(f"line {number}: more than {AT_MOST} outcomes")
        try:
            out.append(_outcome(orjson.loads(line), now_s))
        except orjson.JSONDecodeError as e:
            raise ValueError(f"line {number}: no JSON: {e.msg}") from None
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise ValueError(f"line {number}: {where}: {first['msg']}") from None
        except ValueError as e:
            raise ValueError(f"line {number}: {e}") from None
    return out


def _outcome(value: Any, now_s: float) -> Outcome:
    one = _Line.model_validate(value)
    if one.settled_s > now_s:
        raise ValueError("settled_s lies in the future")
    if one.verdict == "missed":
        if one.warning_id or one.opened_s is not None or one.failed_s is None:
            raise ValueError("a missed failure has failed_s, and neither warning_id nor opened_s")
    elif not one.warning_id or one.opened_s is None:
        raise ValueError(f"{one.verdict} is of a warning: it takes warning_id and opened_s")
    times = [at for at in (one.opened_s, one.failed_s, one.settled_s) if at is not None]
    if times != sorted(times):
        raise ValueError("opened_s, failed_s and settled_s must follow each other")
    facts = {name: getattr(one, name) for name in _Line.model_fields}
    told = None if one.told is None else Crossing(one.told.earliest_s, one.told.expected_s, one.told.latest_s)
    return Outcome(**{**facts, "told": told, "acted": False, "origin": "replay"})
