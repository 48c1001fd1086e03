"""The rules that a server tells of: what becomes of each, and which alert belongs to which series."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiops.core.errors import SourceError
from aiops.rules.files import AlertingRule
from aiops.rules.served import Naming, Served, served_in
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests.scan.between import between


def asked(body: object) -> list[Served]:
    """What is made of an answer of /api/v1/rules."""
    with between("http://127.0.0.1:9") as server:
        server.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        source = PrometheusSource("p", PrometheusParams(url=server.url), ReadLimits(seconds=5))
        return served_in(source.alerting_rules(), source.name)


def answer(*rules: dict[str, Any], **group: Any) -> dict[str, Any]:
    found = {"name": "g", "file": "f.yml", "interval": 60, **group, "rules": list(rules)}
    return {"status": "success", "data": {"groups": [found]}}


def rule(expr: str, **more: Any) -> dict[str, Any]:
    return {"type": "alerting", "name": "Full", "query": expr, "duration": 90, **more}


def naming(*labels: tuple[str, str]) -> Naming:
    return Naming(AlertingRule("f", 0, "g", "Full", "x > 1", 0, 0, None, labels, ()))


def test_each_alerting_rule_is_compiled_and_recording_rules_are_left_out() -> None:
    recorded = {"type": "recording", "name": "a:b", "query": "sum(a)"}
    found = asked(answer(rule("tank_litres > 90"), recorded, rule("pump_up == 0"), rule("tank >")))
    assert [one.compiled.margin for one in found] == ["tank_litres - 90", None, None]
    assert [one.compiled.reason for one in found] == [None, "binary", "unsupported_syntax"]
    assert (found[0].rule.alert, found[0].rule.group, found[0].rule.file, found[0].rule.for_s) == ("Full", "g", "f.yml", 90)


def test_for_is_rounded_up_to_the_interval() -> None:
    assert asked(answer(rule("x_litres > 9")))[0].hold_s == 120
    assert asked(answer(rule("x_litres > 9", duration=0)))[0].hold_s == 0


def test_alerts_of_now_come_with_it() -> None:
    alert = {"labels": {"alertname": "Full", "x": "a"}, "state": "pending", "activeAt": "2026-01-02T03:04:05.123456789Z"}
    (active,) = asked(answer(rule("x_litres > 9", alerts=[alert, {"labels": {}, "activeAt": None}])))[0].active
    assert (active.state, active.labels["x"], int(active.since_s)) == ("pending", "a", 1767323045)


@pytest.mark.parametrize("body", [{"data": {"groups": None}}, {"data": {}}, {"data": {"groups": [{"rules": None}]}}])
def test_a_server_without_rules_has_none(body: object) -> None:
    assert asked(body) == []


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"data": 3}', json.dumps({"data": {"groups": [{"rules": [{"name": {"a": 1}}]}]}}).encode()]
)
def test_an_answer_of_another_shape_is_bad_data(body: bytes) -> None:
    with pytest.raises(SourceError, match="bad_data"):
        asked(body)


def test_a_page_instead_of_an_answer_is_no_prometheus() -> None:
    with pytest.raises(SourceError, match="not_prometheus"):
        asked(b"<html>login</html>")


def test_an_alert_is_found_by_the_labels_of_its_series_and_those_of_the_rule() -> None:
    names = naming(("severity", "page"), ("where", "tank {{ $labels.x }}"))
    mine = {"alertname": "Full", "alertstate": "firing", "x": "a", "severity": "page", "where": "tank a"}
    assert names.of_series({"x": "a"}) == names.of_alert(mine)
    assert names.of_series({"x": "b"}) != names.of_alert(mine)
    assert names.of_series({"x": "a"}) != names.of_alert(mine | {"severity": "ticket"})


def test_the_groups_name_that_vmalert_adds_is_left_out_of_account() -> None:
    assert naming().of_series({"x": "a"}) == naming().of_alert({"alertname": "Full", "x": "a", "alertgroup": "g"})
    assert naming().of_series({"x": "a"}) != naming().of_alert({"alertname": "Full", "x": "a", "alertgroup": "another"})


@pytest.mark.parametrize(
    ("expr", "leaf"),
    [
        ('label_replace(a_litres > 5, "x", "$1", "y", "(.*)")', (">", 0.0)),
        ('label_replace(a_litres >= 5, "x", "$1", "y", "(.*)")', (">=", 0.0)),
        ('label_replace(predict_linear(a_litres[1h], 60) < 5, "x", "$1", "y", "(.*)")', (">=", 0.0)),
        ('label_replace(a_litres, "x", "$1", "y", "(.*)") > 5', (">", 5.0)),
    ],
)
def test_a_rule_that_relabels_what_fires_is_one_leaf(expr: str, leaf: tuple[str, float]) -> None:
    found = asked(answer(rule(expr)))[0].compiled
    assert [(one.op, one.limit) for one in found.leaves] == [leaf]
    assert (found.leaves[0].expr in (found.target, found.margin)) is (leaf[1] == 0)


def test_a_label_that_is_empty_is_none() -> None:
    assert naming(("x", "")).of_series({"x": "a"}) == naming().of_alert({"alertname": "Full"})


def test_a_label_that_nobody_knows_beforehand_is_left_out_of_account() -> None:
    names = naming(("now", "{{ $value }}"))
    assert names.of_series({"x": "a"}) == names.of_alert({"alertname": "Full", "x": "a", "now": "0.93"})
