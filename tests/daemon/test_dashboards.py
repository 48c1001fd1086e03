"""Dashboards ask for metrics there are, in PromQL that parses, on a page where nothing overlaps."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import promql_parser
import pytest

from aiops.daemon.dashboards import HEIGHT, WIDTH, dashboards
from aiops.daemon.metrics import METRICS
from tests.servers import prometheus

BOARDS = dict(dashboards())
EXPRESSIONS = [t["expr"] for board in BOARDS.values() for panel in board["panels"] for t in panel["targets"]]


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_a_query_parses_and_asks_for_what_there_is(expr: str) -> None:
    promql_parser.parse(expr)
    known = {f"{m.name}{'_total' if m.type == 'counter' else ''}": m for m in METRICS}
    for name, labels in re.findall(r"\b(aiops_\w+)(?:\{([^}]*)\})?", expr):
        assert name in known
        assert set(re.findall(r"(\w+)[!=~]+\"", labels)) <= {*known[name].labels, "job"}
    for labels in re.findall(r"by \(([^)]*)\)", expr):
        asked = {part.strip() for part in labels.split(",")}
        assert asked <= {label for name, m in known.items() if name in expr for label in m.labels}


def test_a_real_prometheus_takes_every_query(tmp_path: Path) -> None:
    with prometheus(tmp_path) as url:
        for expr in EXPRESSIONS:
            asked = expr.replace("$__rate_interval", "5m").replace("$__interval", "1m")
            found = json.loads(urllib.request.urlopen(f"{url}/api/v1/query?query={quote(asked)}").read())
            assert (found["status"], found["data"]["resultType"]) == ("success", "vector"), expr


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_lie_side_by_side(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[uid]["panels"]:
        at: dict[str, Any] = panel["gridPos"]
        assert at["x"] + at["w"] <= WIDTH
        assert at["h"] == HEIGHT
        cells = {(x, at["y"]) for x in range(at["x"], at["x"] + at["w"])}
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in BOARDS[uid]["panels"]}) == len(BOARDS[uid]["panels"])


def test_a_legend_names_only_labels_that_are_left() -> None:
    for board in BOARDS.values():
        for panel in board["panels"]:
            for target in panel["targets"]:
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                by = re.search(r"by \(([^)]*)\)", target["expr"])
                if by is not None:
                    assert named <= {part.strip() for part in by[1].split(",")}


def test_they_are_plain_json_and_ask_for_their_data_source() -> None:
    for uid, board in BOARDS.items():
        assert json.loads(json.dumps(board))["uid"] == uid
        assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])
