"""The report as a page, as Markdown and as lines: all that is known, nothing that runs."""

from __future__ import annotations

import re
from dataclasses import replace

from aiops.outcomes.pilot import judged
from aiops.outcomes.report import Prices, Spent, numbers
from aiops.pipeline.report import Report
from aiops.web.pages.report_page import lines, markdown, render
from tests.outcomes.test_report import SINCE, UNTIL, facts, outcome, told

HOSTILE = '<script>alert(1)</script>|"'


def made(stop: bool = False) -> Report:
    hits = [outcome("hit", i, SINCE + i * 86400 + 7200) for i in range(1, 16)]
    found = numbers(
        facts(*hits, outcome("averted", 20), told=[told(i) for i in range(1, 16)], spent=Spent(3600, UNTIL - SINCE, 100),
              prices=Prices("EUR", 0.05, 80.0, 5.0))
    )  # fmt: skip
    verdict = judged(found, {"precision_at_least": 0.7}, {"minutes_per_warning_above": 1.0} if stop else {}, 15, 10, 1.0, "EUR")
    baseline = {"incidents_per_month": 20.0, "pages_per_month": None, "manual_minutes_per_month": 300.0}
    return Report("disks", ("disk_full",), SINCE, UNTIL, tuple(found), "EUR", "sre", baseline, verdict)


def test_the_page_holds_the_verdict_its_reasons_and_every_figure() -> None:
    page = render([made()])
    assert "<strong>Scale it</strong>, because" in page
    assert "Came true, lower 90% bound: 85%, at least 70% was the goal" in page
    assert "20 incidents in 30 days before the pilot; now 15 in 30 days" in page
    for label in ("Lead minutes banked", "Pages avoided", "Manual minutes saved", "Compute cost for 1,000 series"):
        assert label in page


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    page = render([made()])
    assert not re.search(r"<script|src=|href=|url\(", page)
    assert "default-src &#39;none&#39;" in page


def test_names_are_text() -> None:
    hostile = replace(made(), name=HOSTILE, owner=HOSTILE, cards=(HOSTILE,))
    assert "<script>" not in render([hostile])
    said = markdown(hostile)
    assert "<script>" not in said.replace("\\<", "")
    assert all(line.count(" | ") == 2 for line in said.splitlines() if line.startswith("| Lead"))


def test_what_is_not_known_says_so_with_its_reason() -> None:
    empty = Report("", ("disk_full",), SINCE, UNTIL, tuple(numbers(facts())), "EUR")
    page = render([empty])
    assert 'class="value unknown">not known</td><td class="quiet">no warning came true or false in this time</td>' in page
    assert "| Came true | not known | no warning came true or false in this time |" in markdown(empty)


def test_a_stopped_pilot_says_why_in_lines_too() -> None:
    said = list(lines(made(stop=True)))
    assert said[1] == "  verdict: STOP (sre decides)"
    assert said[2] == "    People's minutes a warning: 5 min (as configured), above the 1 min at which it stops"


def test_without_a_pilot_the_page_says_so() -> None:
    assert "No pilot is configured." in render([])
