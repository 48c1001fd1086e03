"""Which rules are followed, under which names, and what each says of its alerts."""

from __future__ import annotations

from typing import Any

import orjson

from aiops.core.labels import Matcher
from aiops.rules.followed import Followed, part_name, rulebook
from aiops.rules.served import Served, served_in


def served(*rules: dict[str, Any]) -> list[Served]:
    found = [{"type": "alerting", "duration": 0, "labels": {}, "annotations": {}, **one} for one in rules]
    return served_in(orjson.dumps({"data": {"groups": [{"name": "g", "file": "f", "interval": 60, "rules": found}]}}), "p")


def rule(expr: str = "tank_litres > 90", name: str = "Full", **more: Any) -> dict[str, Any]:
    return {"name": name, "query": expr, **more}


def only(*rules: dict[str, Any]) -> Followed:
    (one,) = rulebook({0: served(*rules)}, ()).followed
    return one


def test_matchers_look_at_the_rules_labels_and_its_name() -> None:
    rules = served(rule(labels={"severity": "page"}), rule(name="Dry", expr="tank_litres < 1"))
    assert [one.alert for one in rulebook({0: rules}, (Matcher.parse('severity="page"'),)).followed] == ["Full"]
    assert [one.alert for one in rulebook({0: rules}, (Matcher.parse("alertname=Dry"),)).followed] == ["Dry"]


def test_what_cannot_be_foreseen_is_listed_with_its_reason() -> None:
    book = rulebook({0: served(rule("pump_up == 0"), rule(labels={"a": "{{ humanize $value }}"}))}, ())
    assert not book.followed
    assert [(why, detail.split(":")[0]) for _, why, detail in book.refused] == [
        ("binary", "pump_up == 0"), ("unsupported_syntax", "its label a"),
    ]  # fmt: skip


def test_a_rule_that_two_sources_serve_is_one_rule() -> None:
    book = rulebook({0: served(rule()), 1: served(rule(), rule(name="Dry", expr="tank_litres < 1"))}, ())
    assert [(one.alert, set(one.sources)) for one in book.followed] == [("Full", {0, 1}), ("Dry", {1})]
    assert set(book.parts_of(0).values()) == {"tank_litres"}
    assert len(book.parts_of(1)) == 2


def test_a_comparison_of_several_rules_is_read_once() -> None:
    fuller = rule(name="Fuller", labels={"severity": "page"})
    book = rulebook({0: served(rule(), fuller, rule("tank_litres > 95", "Fullest"))}, ())
    assert len(book.followed) == 3
    assert [leaf.limit for leaf in book.parts.values()] == [90, 95]
    assert [part_name(leaf) for leaf in book.parts.values()] == list(book.parts)


def test_its_name_changes_with_the_rule_and_with_nothing_else() -> None:
    assert only(rule(annotations={"a": "b"})).name == only(rule(alerts=[])).name
    others = [rule("tank_litres > 91"), rule(duration=60), rule(labels={"a": "b"}), rule(name="Other")]
    assert len({only(one).name for one in [rule(), *others]}) == 5


def test_the_alert_of_a_series_is_named_as_prometheus_names_it() -> None:
    labels = {"severity": "page", "where": "tank {{ $labels.tank }}", "at": "{{ $value }}"}
    found = only(rule(labels=labels)).entity({"tank": "a", "__name__": "tank_litres"})
    assert found == {"alertname": "Full", "severity": "page", "tank": "a", "where": "tank a"}


def test_annotations_are_filled_in_or_left_out() -> None:
    link = "https://r.example/{{ $labels.tank }}"
    more = {"runbook_url": link, "summary": "{{ $value }} left", "description": "{{ query `x` }}"}
    one = only(rule(annotations=more))
    assert one.annotation("runbook_url", {"tank": "a"}) == "https://r.example/a"
    assert [one.annotation(name, {}) for name in ("summary", "description", "none")] == ["", "", ""]


def test_a_rule_that_predicts_is_known_as_one() -> None:
    assert only(rule("predict_linear(tank_litres[1h], 3600) < 0")).predicts
    assert not only(rule()).predicts
