"""Why a warning was given, in facts: the same for the API and for the command line."""

from __future__ import annotations

from aiops.pipeline.why import why
from aiops.store import Statement
from tests.store.samples import SYMPTOM, warning


def test_words_of_people_are_told_only_where_nothing_is_masked() -> None:
    said = [Statement("feedback", "disk", "k", "1", 60.0, "ann", {"word": "noise", "note": "db-1 again"})]
    clear, masked = why(warning(1), said, 120.0), why(warning(1), said, 120.0, clear=False)
    assert clear["said"][0]["body"] == {"word": "noise", "note": "db-1 again"}
    assert masked["said"] == [{"kind": "feedback", "who": "ann", "said_s": 60.0, "body": {}}]


def test_each_lineage_stands_there_once() -> None:
    one = warning(1, symptoms=(SYMPTOM, SYMPTOM))
    found = why(one, [], 120.0)
    assert [lineage["source"] for lineage in found["lineage"]] == [SYMPTOM.lineage.source]
    assert len(found["evidence"]) == 2
