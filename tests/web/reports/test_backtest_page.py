"""The page of a backtest: one file that asks for nothing, in which no name from a recording does anything."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from aiops.web.reports import alone, backtest_page
from aiops.web.reports.backtest_page import render
from tests.backtest.recordings import START
from tests.backtest.stories import episode, outcome, story, warning
from tests.web.pages.test_pages import browser as browser

HOSTILE = "</script><script>document.title='run'</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u2028&amp;"
INKED = "c => c.width > 200 && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x > 0)"
UPLOT = Path(backtest_page.__file__).parents[1] / "static" / "uplot"


def full(**changes: Any) -> Any:
    """A hit, a false one, an anomaly, a gap, a missed crossing, training and a limit that changes."""
    values = 2.0 + np.sin(np.arange(3000) / 50)
    values[2000:2100] = np.nan
    episodes = (
        episode(500, 600, outcome("hit", 500, 620)), episode(1000, 1100, outcome("false", 1000)),
        episode(1500, 1510, outcome("expired", 1500), "anomaly"), episode(2900),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "values": values, "episodes": episodes, "crossings": (START + 60 * 620, START + 60 * 2500),
        "missed": (outcome("missed", 0, 2500),), "limit": np.where(np.arange(3000) < 800, 4.0, 5.0), "told_from_s": START + 6000,
    }  # fmt: skip
    return story(3000, **(fields | changes))


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] not in ("script", "style"):
            self.text += data


def data_of(page: str) -> Any:
    (block,) = re.findall(r'<script type="application/json" id="story">(.*?)</script>', page, re.S)
    return orjson.loads(block)


def test_the_same_story_gives_the_same_bytes() -> None:
    assert render(full()) == render(full())


def test_nothing_is_fetched_from_anywhere() -> None:
    page = Elements(render(full()))
    assert {name for _, attributes in page.found for name in attributes} & {"src", "srcset", "action", "data", "poster"} == set()
    assert {a["href"] for _, a in page.found if "href" in a} == {"#warnings"}
    assert {tag for tag, _ in page.found} & {"link", "img", "iframe", "object", "base", "form"} == set()
    css = " ".join(re.findall(r"<style>(.*?)</style>", render(full()), re.S))
    assert "url(" not in css
    assert "@import" not in css


def test_the_policy_runs_the_scripts_of_the_page_and_no_other() -> None:
    page = render(full())
    (policy,) = [a["content"] for _, a in Elements(page).found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert [f"'sha256-{alone._digest(one)}'" in policy for one in scripts] == [True, True]


def test_names_are_text_wherever_they_stand() -> None:
    bad = warning(1500, 1510, "anomaly")
    (symptom,) = bad.symptoms
    labels = {"entity": HOSTILE, "metric": HOSTILE}
    hostile = replace(symptom, card=HOSTILE, signal=HOSTILE, labels=labels, evidence={"reason": HOSTILE})
    one = episode(1500, 1510, kind="anomaly")
    one.opened = bad.having(symptoms=(hostile,), labels=labels, entity=labels)
    page = render(full(entity=HOSTILE, metric=HOSTILE, episodes=(one,), missed=(outcome("missed", 0, 9),)))
    elements = Elements(page)
    assert sum(tag == "script" for tag, _ in elements.found) == 3
    assert not [a for _, a in elements.found if "onerror" in a]
    assert "</script><script>document.title" in elements.text
    assert "{{ 7 * 7 }}" in elements.text
    assert "\u2028" not in page
    assert data_of(page)["views"]


def test_the_table_has_the_numbers_behind_each_warning() -> None:
    text = Elements(render(full())).text
    for wanted in (
        "hit", "false", "not judged yet", "will cross its limit", "its entity is unlike usual", "slope 0.5 an hour, seen over 2h",
        "80% sure; steadily nearer", "usual 0.5 to 3.5", "2h ahead", "(30m later than said)", "led by m 2.5",
        "Warning 1 (hit) opened 2h before the limit was crossed", "4 warnings", "not above 4 at first, 5 at last (1 change)",
        "3.3% of them are missing, 1h40m at the longest", "the deadline passed and nothing crossed",
        "Crossings that nobody warned of", "before that it is training", "Expired: nobody said",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_a_threshold_that_moves_is_told_with_its_bounds() -> None:
    moving = np.where(np.arange(300) < 100, 1.95, 2.4)
    assert "2.4 (it was 1.95 to 2.4)" in Elements(render(story(threshold=moving))).text
    assert "is compared to the threshold\n1.95;" in Elements(render(story())).text


def test_a_series_without_warnings_or_limit_says_so() -> None:
    page = render(story(limit=np.full(300, np.nan)))
    text = Elements(page).text
    assert "It has no limit, so nothing is forecast." in text
    assert "Nothing was said about it." in text
    assert "There was none." in text
    assert len(data_of(page)["views"]) == 1
    assert 'id="told"' not in page


def test_warnings_that_other_metrics_lead_are_named_apart() -> None:
    led, other = episode(50, 60, kind="anomaly"), episode(80, 90, kind="anomaly")
    (symptom,) = other.opened.symptoms
    elsewhere = other.opened.having(symptoms=(replace(symptom, labels={"entity": "a", "metric": "<b>"}),))
    other.opened, other.last = elsewhere, elsewhere.having(closed_s=START + 60 * 90)
    page = render(story(episodes=(led, other)))
    text, (whole, *close) = Elements(page).text, data_of(page)["views"]
    assert "1 more of a, led by other metrics" in text
    assert "2026-01-05 01:20, led by <b> 2.5" in text
    assert "1 warning, 1 of kind" in text
    assert [one["n"] for one in whole["marks"]] == [1]
    assert whole["others"] == [[START + 60 * 80, START + 60 * 90]]
    assert len(close) == 1


def test_many_warnings_are_a_bounded_page() -> None:
    many = tuple(episode(20 + 30 * i, 30 + 30 * i) for i in range(500))
    page = render(story(20_000, episodes=many))
    assert page.count("<tr>") == 1 + backtest_page.ROWS_AT_MOST
    assert "300 later ones are not listed" in page
    assert len(data_of(page)["views"]) == 1 + backtest_page.VIEWS_AT_MOST


def test_a_million_points_weigh_no_more_than_a_picture() -> None:
    values = np.random.default_rng(1).normal(0, 1, 1_000_000)
    assert len(render(story(1_000_000, values=values, episodes=(episode(500_000, 500_500),)))) < 1_000_000


def test_the_vendored_library_is_the_one_that_is_pinned() -> None:
    lines = (UPLOT / "SHA256SUMS").read_text().splitlines()
    pinned = {name: digest for digest, name in (line.split() for line in lines)}
    assert set(pinned) == {p.name for p in UPLOT.iterdir()} - {"SHA256SUMS", "README.md"}
    assert {name: hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() for name in pinned} == pinned
    assert "MIT License" in (UPLOT / "LICENSE").read_text()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1400, "dark")])
def test_every_view_is_drawn_in_a_browser_and_nothing_complains(width: int, scheme: Any, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(render(full(entity=HOSTILE)), "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    said: list[str] = []
    page.on("dialog", lambda d: said.append(f"dialog {d.message}"))
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(path.as_uri())
    buttons = page.locator(".views button")
    assert buttons.count() == 5
    for i in range(5):
        buttons.nth(i).click()
        page.wait_for_selector(f'body[data-drawn="{i}"]')
        charts = page.evaluate(f"[...document.querySelectorAll('.chart canvas')].map({INKED})")
        assert charts == ([True, True] if i == 3 else [True, True, True])  # an anomaly tells no time
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title().startswith("Backtest of </script>")
    assert said == []
    assert asked == [path.as_uri()]
    page.close()
