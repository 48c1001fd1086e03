"""The page of a scan: one file without scripts, whatever names it holds."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from aiops.rules.compiler import Leaf, compile_rule
from aiops.rules.files import AlertingRule
from aiops.rules.served import Served
from aiops.scan.rows import Guard, Row, without_rows
from aiops.scan.scan import Report
from aiops.web.reports.scan_page import HIGH, WIDE, plot, render
from tests.scan.tanks import HOSTILE

NOW = 1_790_000_000.0
RULE = Served(AlertingRule("f", 0, "g", HOSTILE, "used > 0.9", 0, 0, None, (), ()), compile_rule("used > 0.9"))
ROW = Row(
    RULE, "expected", {"tank": HOSTILE}, HOSTILE, Leaf("used", ">", 0.9, "forecast"), 0.6, 0.9,
    (NOW + 3600, NOW + 7200, NOW + 14400), 1e-5, 21600.0, (Guard(HOSTILE, True, 3),), recent=np.linspace(0.2, 0.6, 288),
)  # fmt: skip


def page(*rows: Row, most: int = 50) -> str:
    return render(Report(rows, len(rows), 1, 0, 0.1, 0.2), NOW, most)


def test_hostile_names_stay_text() -> None:
    found = page(ROW, without_rows(RULE, "refused", "binary"))
    assert "<script" not in found
    assert "&lt;script&gt;alert(1)" in found
    assert not {"\x1b", "\u202e"} & set(found)


def test_it_asks_for_nothing_and_runs_nothing() -> None:
    found = page(ROW)
    assert re.findall(r"(?:src|href|url)\s*[=(]", found) == []
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in found
    assert " style=" not in found


def test_a_row_has_its_line_its_limit_and_its_interval() -> None:
    found = page(ROW)
    assert found.count('class="line"') == 1
    assert found.count('class="limit"') == 1
    assert found.count('class="band"') == 1
    assert "1h to 4h" in found
    assert 'data-name="history">6h<' in found
    assert page(replace(ROW, state="silent", times_s=None)).count('class="band"') == 0


def test_a_time_without_an_interval_is_one_time() -> None:
    found = page(replace(ROW, state="pending", times_s=(NOW + 540, NOW + 540, NOW + 540)))
    assert ">9m<" in found
    assert " to " not in re.sub(r"<p>.*?</p>", "", found, flags=re.DOTALL)


def test_rules_without_a_row_are_listed_with_what_their_reason_means() -> None:
    found = page(without_rows(RULE, "refused", "binary"), without_rows(RULE, "empty", "no series now"))
    assert "binary: a state of two or a few values" in found
    assert "<td>no series now</td>" in found


def test_every_point_of_a_plot_is_inside_it_and_a_gap_ends_a_line() -> None:
    values = np.linspace(5.0, -3.0, 288)
    values[100:110] = np.nan
    found = plot(replace(ROW, recent=values, limit=-40.0, times_s=(NOW, NOW + 9e6, NOW + 9e9)), NOW)
    assert found is not None
    assert len(found["lines"]) == 2
    points = [tuple(map(float, one.split(","))) for line in found["lines"] for one in line.split()]
    assert all(0 <= x <= WIDE / 2 and 0 <= y <= HIGH for x, y in points)
    assert len(points) == 278
    assert found["band"][0] + found["band"][1] <= WIDE


@pytest.mark.parametrize("recent", [None, np.full(288, np.nan)])
def test_a_row_without_samples_has_no_plot(recent: np.ndarray | None) -> None:
    assert plot(replace(ROW, recent=recent), NOW) is None


def test_only_the_nearest_are_shown_and_that_is_said() -> None:
    found = page(*[ROW] * 5, most=2)
    assert found.count("<svg") == 2
    assert "5 rows" in found
    assert "The 2 nearest are shown" in found
