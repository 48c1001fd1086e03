"""Why a warning was given, in facts and words: what the API and `aiops explain` say of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiops.core.records import EarlyWarning
from aiops.notify.evidence import told
from aiops.notify.wording import data_age, sure, title
from aiops.outcomes.settle import deadline_s
from aiops.store import Statement
from aiops.store.codec import to_json


def why(one: EarlyWarning, said: Iterable[Statement], now_s: float, clear: bool = True) -> dict[str, Any]:
    """Plain values. `said`: what people said of it, in their words only where nothing of the warning is masked (`clear`)."""
    evidence = [
        {"series": t.series, "facts": [{"name": n, "said": s} for n, s in t.facts], "also": t.also, "windows": t.windows,
         "against": t.against}
        for t in told(one.symptoms, now_s)
    ]  # fmt: skip
    lineage = {one.digest + one.query + one.source: to_json(one) for one in (s.lineage for s in one.symptoms)}
    return {
        "id": one.id, "title": title(one, now_s), "sure": sure(one), "record": to_json(one.record),
        "calibration": dict(one.calibration), "evidence": evidence, "lineage": [*lineage.values()], "judged_at": deadline_s(one),
        "data_age": data_age(one, now_s),
        "said": [{"kind": s.kind, "who": s.who, "said_s": s.said_s, "body": dict(s.body) if clear else {}} for s in said],
    }  # fmt: skip
