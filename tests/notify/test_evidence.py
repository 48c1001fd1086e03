"""The evidence of a warning in words: every number that is known, none that is not, each thing once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiops.notify.evidence import sentence, series_text, told
from tests.store.samples import SYMPTOM

NOW = 3660.0


def facts(**evidence: Any) -> dict[str, str]:
    (one,) = told([replace(SYMPTOM, evidence=evidence)], NOW)
    return dict(one.facts)


def test_a_crossing_is_told_with_its_slope_and_since_when() -> None:
    found = facts(
        now=0.2, limit=0.05, above=False, unit="1", slope_per_hour=-0.06, window_s=28800.0, trend_start_s=0.0,
        reason="steadily nearer",
    )  # fmt: skip
    assert found == {
        "why": "steadily nearer", "now": "0.2", "limit": "not below 0.05", "a symptom since": "1970-01-01T00:01:00Z (1h ago)",
        "moves": "down 0.06 an hour, seen over 8h, the trend began before 1970-01-01T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(("before", "word"), [({}, "about"), ({"began_before": True}, "before")])
def test_when_it_began_stands_beside_when_it_became_a_symptom(before: dict[str, Any], word: str) -> None:
    found = facts(slope_per_hour=-0.06, trend_start_s=0.0, began_s=30.0, **before)
    assert found["began"] == f"{word} 1970-01-01T00:00:30Z (1h30s ago)"
    assert found["a symptom since"] == "1970-01-01T00:01:00Z (1h ago)"
    assert found["moves"] == "down 0.06 an hour"


def test_on_pages_the_series_that_it_speaks_for_are_a_fact_of_their_own() -> None:
    others = [{"labels": {"metric": "cpu"}, "share": 0.38}, {"labels": {"metric": "errors"}, "share": None}]
    assert facts(share=0.45, beside=others)["beside"] == "metric=cpu 38%, metric=errors"
    assert "beside" not in facts(share=0.45)


def test_what_jumped_is_told_by_how_much_and_without_a_pace() -> None:
    assert facts(jumped=30.0, unit="By")["jumped"] == "up by 30 B"
    assert facts(jumped=-0.25, unit="{ratio}")["jumped"] == "down by 25%"
    assert facts(jumped=229.0, jumped_from=22.0, unit="{errors}/min")["jumped"] == "up from 22 errors/min"
    assert facts(jumped=-24.5, jumped_from=40.0)["jumped"] == "down from 40"
    assert "moves" not in facts(jumped=30.0)


def test_what_is_nothing_beside_the_other_numbers_is_0() -> None:
    """A mean that decays never gets to 0."""
    found = facts(now=3.0, usual_low=0.0, usual_high=1.71e-290, expected=-1e-9, unit="{kills}")
    assert (found["now"], found["usual"]) == ("3 kills", "0 kills here at this hour, expected 0 kills")
    assert facts(now=2e-9, usual_low=0.0, usual_high=1e-9, unit="1")["usual"] == "0 to 1e-09 here at this hour"
    other = {"labels": {"instance": "b"}, "now": 2.0, "usual_low": 1e-300, "usual_high": 1.0}
    (one,) = told([replace(SYMPTOM, evidence={"also": [other]})], NOW)
    assert one.also == ("instance=b: now 2, usual 0 to 1",)


def test_an_anomaly_is_told_with_what_was_usual_and_its_share() -> None:
    found = facts(
        now=3.0 * 2**30, usual_low=2.0**30, usual_high=2.0**31, expected=1.5 * 2**30, unit="By", score=7.421, threshold=4.1,
        share=0.62, since_s=60.0, reason="unlike",
    )  # fmt: skip
    assert found["now"] == "3 GiB"
    assert found["usual"] == "1 to 2 GiB here at this hour, expected 1.5 GiB"
    assert found["score"] == "7.42 (threshold 4.1), 62% of the entity's"
    whole = {"score": 7.421, "entity_score": 5.13, "threshold": 4.1}
    assert facts(share=0.62, **whole)["score"] == "7.42, 62% of its entity's 5.13 (threshold 4.1)"
    assert facts(share=1.0, **whole)["score"] == "7.42; its entity's 5.13 (threshold 4.1)"


@pytest.mark.parametrize(("share", "said"), [(0.62, ", 62% of what is unusual there ["), (1.0, "now 3 ["), (None, "now 3 [")])
def test_messages_tell_the_share_of_each_metric_where_there_are_several(share: float | None, said: str) -> None:
    assert said in sentence(replace(SYMPTOM, evidence={"now": 3.0, "share": share, "reason": "unlike"}))


@pytest.mark.parametrize(
    ("evidence", "usual"),
    [({"usual_low": 1.0, "expected": 2.0}, "expected 2"), ({"usual_low": 1.0, "usual_high": 3.0}, "1 to 3 here at this hour")],
)
def test_of_what_was_usual_only_what_is_known_is_told(evidence: dict[str, float], usual: str) -> None:
    assert facts(**evidence)["usual"] == usual


def test_what_is_not_known_is_not_mentioned() -> None:
    since = {"a symptom since": "1970-01-01T00:01:00Z (1h ago)"}
    assert facts(now=None, limit=None, expected=None) == {"why": "no reason given", **since}


def test_a_conflict_tells_what_the_other_source_says() -> None:
    assert facts(now=1.0, other=2.0, other_source="eu\n2")["eu\\n2 says"] == "2"


def test_what_all_series_have_in_common_is_told_once() -> None:
    lists = {"also": [{"labels": {"cpu": "3"}, "now": 1.0, "score": 2.0}, {"metric": "net"}], "against": ["two are as usual"]}
    paused = {**lists, "against": ["it has paused", "two are as usual"]}
    first, second, third = told([replace(SYMPTOM, evidence=one) for one in (lists, lists, paused)], NOW)
    assert first.also == ("cpu=3: now 1, score 2", "net: now unknown")
    assert first.against == ("two are as usual",)
    assert (second.also, second.against) == ((), ())
    assert (third.also, third.against) == ((), ("it has paused",))


def test_each_series_tells_the_spans_that_agree_with_it() -> None:
    one, other = told([replace(SYMPTOM, evidence={"windows": [text]}) for text in ("1h: 2 an hour", "6h: 3 an hour")], NOW)
    assert (one.windows, other.windows) == (("1h: 2 an hour",), ("6h: 3 an hour",))


def test_text_from_outside_stays_on_its_line() -> None:
    evidence = {"against": ["p\u202eq"], "also": [{"metric": "m\x1b"}]}
    (one,) = told([replace(SYMPTOM, labels={"a": "x\ny"}, evidence=evidence)], NOW)
    assert one.series == "a=x\\ny"
    assert one.against == ("p\\u202eq",)
    assert one.also[0].startswith("m\\x1b")
    assert series_text({}) == ""


def test_what_is_usual_in_a_cohort_is_told_so() -> None:
    found = facts(usual_low=1.0, usual_high=3.0, expected=2.0, usual_of="cohort")
    assert found["usual"] == "1 to 3 in its cohort at this hour, expected 2"
