from __future__ import annotations

import json
import math
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aiops.rules.labels import UnsupportedTemplate, alert_labels, shown, template
from tests import servers

VALUES = [
    0.5, 3.0, 0.0, 100000.0, 999999.0, 1000000.0, 1234567.0, 123456789.125, 1e20, 1e21, 1.5e21, 1e-4, 1e-5, 0.00012345, -2.5,
    -1e7, 1e300, math.inf, 0.1,
]  # fmt: skip
OWN = [
    ("value", "{{ $value }}"), ("short", "{{.Value}} of {{.Labels.tank}}"), ("trimmed", "a  {{- $labels.tank -}}  b"),
    ("missing", "{{ $labels.nowhere }}"), ("removed", ""), ("alertname", "another"), ("metric", "{{ $labels.__name__ }}"),
    ("plain", "a } b { c"),
]  # fmt: skip


def from_the_server(folder: Path) -> dict[str, dict[str, str]]:
    """Tank to the labels of its alert, as a real Prometheus gives them."""
    now = int(time.time())
    samples = [
        f'tank_litres{{tank="{i}",removed="x",kept="y"}} {"+Inf" if math.isinf(v) else repr(v)} {at}'
        for i, v in enumerate(VALUES)
        for at in range(now - 240, now + 301, 60)
    ]
    labels = "".join(f"      {name}: {json.dumps(text)}\n" for name, text in OWN)
    rules = f"groups:\n- name: a\n  interval: 1s\n  rules:\n  - alert: Tank\n    expr: tank_litres\n    labels:\n{labels}"
    servers.load(folder, "\n".join(samples) + "\n# EOF\n")
    with servers.prometheus(folder, rules=rules) as url:
        for _ in range(300):
            with urllib.request.urlopen(f"{url}/api/v1/alerts", timeout=10) as answer:
                alerts: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
            if alerts:
                break
            time.sleep(0.1)
    return {alert["labels"]["tank"]: alert["labels"] for alert in alerts}


def test_the_labels_are_those_that_prometheus_gives(tmp_path: Path) -> None:
    theirs = from_the_server(tmp_path)
    series = {"__name__": "tank_litres", "removed": "x", "kept": "y"}
    ours = {str(i): alert_labels("Tank", OWN, {**series, "tank": str(i)}, v) for i, v in enumerate(VALUES)}
    assert len(theirs) == len(VALUES)
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    [
        "{{ humanize $value }}", "{{ $labels }}", "{{ $externalLabels.a }}", '{{ printf "%.2f" $value }}',
        "{{ if $value }}a{{ end }}",
        "{{ query `up` }}", "{{ $labels.a | title }}", "{{ $x := 1 }}", "{{ }}", "{{ $labels.a", '{{ index $labels "a" }}',
    ],
)  # fmt: skip
def test_templates_that_do_more_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedTemplate):
        template(text)


def test_a_label_that_looks_like_a_template_is_text() -> None:
    assert template("{{ $labels.a }}").filled({"a": "{{ $value }}"}, 1) == "{{ $value }}"


def test_what_is_no_number_is_named() -> None:
    assert [shown(v) for v in (math.nan, math.inf, -math.inf)] == ["NaN", "+Inf", "-Inf"]
