from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aiops.rules.files import AlertingRule
from aiops.rules.labels import UnsupportedTemplate, template
from aiops.rules.served import Naming
from tests import servers

VALUES = [0.5, 1234567.0]
OWN = [
    ("value", "{{ $value }}"), ("short", "{{.Value}} of {{.Labels.tank}}"), ("trimmed", "a  {{- $labels.tank -}}  b"),
    ("missing", "{{ $labels.nowhere }}"), ("removed", ""), ("alertname", "another"), ("metric", "{{ $labels.__name__ }}"),
    ("plain", "a } b { c"),
]  # fmt: skip


def from_the_server(folder: Path) -> dict[str, dict[str, str]]:
    """Tank to the labels of its alert, as a real Prometheus gives them."""
    now = int(time.time())
    samples = [
        f'tank_litres{{tank="{i}",removed="x",kept="y"}} {v} {at}'
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
    names = Naming(AlertingRule("f", 0, "a", "Tank", "tank_litres", 0, 0, None, tuple(OWN), ()))
    assert {tank: names.of_alert(labels) for tank, labels in theirs.items()} == {
        str(i): names.of_series({**series, "tank": str(i)}) for i in range(len(VALUES))
    }
    assert {("trimmed", "a0b"), ("metric", "tank_litres"), ("plain", "a } b { c"), ("alertname", "Tank"), ("kept", "y")} <= (
        names.of_alert(theirs["0"])
    )


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
    assert template("{{ $labels.a }}").filled({"a": "{{ $value }}"}) == "{{ $value }}"
