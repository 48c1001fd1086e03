"""The report of a backtest: one file that asks for nothing, and says what the table says."""

from __future__ import annotations

import re
from dataclasses import replace

from aiops.backtest.contest import OURS, Told, contested, standings, total
from aiops.web.reports.backtest_report import render
from tests.backtest.test_shown import all_shown, example

EVIL = '<script>alert("x")</script>'


def page(evil: str = "") -> str:
    on, episodes, failures = example()
    mine = Told(on.card, OURS, [e.opened for e in episodes], [e.outcome for e in episodes if e.outcome], 1, on.series_seconds)
    told = [mine, *contested(on, failures)]
    shown = all_shown()
    if evil:
        shown = [replace(one, entity={"e": evil}, card=evil) for one in shown]
    return render(standings(told), total(told), shown, ["One card."])


def test_the_table_names_every_method_with_its_figures() -> None:
    found = page()
    for method in ("aiops", "static", "predict_linear[1h]", "predict_linear[6h]", "predict_linear[24h]", "zscore", "bands"):
        assert f">{method}" in found
    assert "100% (27% to 100%)" in found


def test_a_warning_says_when_it_opened_what_it_told_and_what_came() -> None:
    found = page()
    assert re.search(r"Opened 1970-01-01 0\d:\d\d", found)
    assert "Told: 1970-01-01 08:40" in found
    assert "It came 1970-01-01 08:40" in found
    assert "inside what was told" in found or "outside what was told" in found
    assert "static opened" in found


def test_it_holds_a_picture_and_asks_for_nothing() -> None:
    found = page()
    assert found.count("<svg") == 1
    assert "<script" not in found
    assert "default-src &#39;none&#39;" in found
    assert not re.search(r"(src|href)=\"(?!#)", found)


def test_names_are_text_whatever_they_hold() -> None:
    found = page(EVIL)
    assert EVIL not in found
    assert "&lt;script&gt;" in found


def test_the_same_result_gives_the_same_page() -> None:
    assert page() == page()
