"""The files of a first configuration, from what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.cli import first_config
from aiops.cli.first_config import Found, refuse_existing, texts, write
from aiops.config.settings import load_settings
from aiops.config.shipped import models_dir
from aiops.core.errors import AiopsError, Mistake
from aiops.models.card import load_card, load_cards
from aiops.rules.compiler import compile_rule
from aiops.rules.files import AlertingRule
from aiops.rules.served import Served
from aiops.scan.cards import Seen
from aiops.scan.rows import Row
from aiops.scan.scan import Report

URL = {"url": "http://127.0.0.1:9090"}


def found(series: int = 3, every_s: float | None = None) -> Found:
    cards = load_cards([models_dir()])
    return Found(Report((), 0, 0, 0, 0.0, 0.0), tuple(Seen(card, series) for card in cards), every_s)


def test_all_that_has_series_is_written_and_accepted(tmp_path: Path) -> None:
    files = write(tmp_path / "a", found(), URL, force=False)
    assert len([path for path in files if path.parent.name == "models"]) == len(load_cards([models_dir()]))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["aiops.yaml", "models", "runbooks"]
    assert load_settings(tmp_path / "a" / "aiops.yaml").sources["prometheus"].step is None


@pytest.mark.parametrize(("every_s", "step_s"), [(15.0, None), (60.0, None), (120.0, 120.0), (290.0, 300.0)])
def test_a_step_is_written_where_it_is_scraped_more_seldom_than_each_minute(
    tmp_path: Path, every_s: float, step_s: float | None
) -> None:
    write(tmp_path, found(every_s=every_s), URL, force=False)
    assert load_settings(tmp_path / "aiops.yaml").sources["prometheus"].step == step_s


@pytest.mark.parametrize(("every_s", "step"), [(None, ""), (60.0, ""), (15.1, "# step: 30s"), (5.0, "# step: 5s")])
def test_a_step_that_tells_rises_of_minutes_is_offered_where_it_is_scraped_as_often(
    every_s: float | None, step: str
) -> None:
    served = Served(AlertingRule("f", 0, "g", "Full", "a > 1", 0.0, 0, 60.0, (), ()), compile_rule("a > 1"))
    rules = Found(Report((Row(served, "silent"),), 1, 0, 0, 0.0, 0.0), (), every_s)
    card = texts(rules, URL)["models/existing_alerts.yaml"]
    assert card.partition("# step")[1] == ("# step" if step else "")
    assert step in card


@pytest.mark.parametrize("alert", ["Plätte voll", "🔥Disk", 'a"b', "a\\b", "a\nb", "a\u2028b\x7f\x85", "\U000e0001 (a|b).*"])
def test_rules_are_chosen_by_their_names_whatever_these_hold(tmp_path: Path, alert: str) -> None:
    file = tmp_path / "foreseen_alerts.yaml"
    file.write_text(first_config._alerts_card("foreseen_alerts", "Some.", "=~", [alert, "Other"], None), "utf-8")
    (matcher,) = load_card(file).alerts.match  # type: ignore[union-attr]
    assert [matcher.matches({"alertname": one}) for one in (alert, "Other", "Another")] == [True, True, False]


def test_without_anything_to_watch_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(AiopsError, match="nothing to write"):
        write(tmp_path / "a", found(0), URL, force=True)
    assert not (tmp_path / "a").exists()


def test_what_check_does_not_accept_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_config, "check", lambda files, config: [Mistake("f", 1, 2, "x", "is wrong")])
    with pytest.raises(AiopsError, match="f:1:2: x: is wrong"):
        write(tmp_path, found(), URL, force=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AiopsError, match="cannot be written"):
        write(tmp_path / "file", found(), URL, force=True)


def test_what_is_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("")
    with pytest.raises(AiopsError, match=r"aiops\.yaml: there already"):
        refuse_existing(tmp_path, texts(found(), URL), force=False)
    refuse_existing(tmp_path, texts(found(), URL), force=True)
