"""The plan of a card: measured by its own turns, counted once where cards share, and refused where a limit breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aiops import plugins
from aiops.config.settings import Settings, load_settings
from aiops.core.errors import SourceError
from aiops.models.alerts_card import AlertsCard
from aiops.models.card import ModelCard
from aiops.pipeline.plan import _asks, make_plan
from tests.daemon.rig import START_S, WORLDS, World, anomaly_card, calm, card

NOW_S = START_S + 5 * 3600 + 17


@pytest.fixture
def world() -> World:
    found = WORLDS["made"] = World()
    for i in range(6):
        found.add("free", {"instance": str(i)}, calm())
    return found


def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *cards: dict[str, Any], **more: Any) -> Any:
    monkeypatch.setitem(plugins.BUILT_IN["sources"], "made", "tests.daemon.rig:MadeSource")
    settings = settings_of(tmp_path, **more)
    return make_plan(settings, [ModelCard.model_validate(one) for one in cards], NOW_S)


def settings_of(folder: Path, **more: Any) -> Settings:
    (folder / "aiops.yaml").write_text(json.dumps({"sources": {"made": {"kind": "made"}}, **more}))
    return load_settings(folder / "aiops.yaml", data_dir=folder / "data")


def test_series_points_and_queries_are_counted_exactly(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = planned(tmp_path, monkeypatch, card()).cards
    assert (one.series, one.points_a_turn, one.queries_a_minute) == (6, 6, 60 / 300)
    assert one.backfill_samples == 6 * ((NOW_S // 300 * 300 - 5 * 300 - START_S) // 300 + 1) + 6  # and the look that counts them
    assert one.history_s == pytest.approx(5 * 3600, abs=600)
    assert one.cpu_s_a_turn > 0
    assert one.disk_bytes > 6 * 20_000


def test_nothing_is_left_behind(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(tmp_path, monkeypatch, card())
    assert [one.name for one in tmp_path.iterdir()] == ["aiops.yaml"]


def test_cards_that_ask_the_same_are_read_once(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(tmp_path, monkeypatch, card(), anomaly_card("again", "free"), card("other", "gone"))
    assert [one.shares for one in plan.cards] == ["", "disk", ""]
    assert plan.total()["queries_a_minute"] == pytest.approx(2 * 60 / 300)
    assert plan.total()["series"] == 12


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"total_series": 5}, "limits.total_series is 5, all cards together need 6"),
        ({"memory": 1}, "limits.memory is 1"),
        ({"queries_per_minute": 1}, "limits.queries_per_minute is 1, made would be asked"),
    ],
)
def test_a_limit_of_the_whole_that_would_break_is_refused_by_name(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], said: str
) -> None:
    plan = planned(tmp_path, monkeypatch, card(step="10s"), limits=limits)
    if "memory" in limits and not plan.total()["memory_bytes"]:
        pytest.skip("six series are less than a page")
    assert any(said in why for why in plan.total()["refused"]), plan.total()


def test_cards_of_rules_share_what_they_ask_only_with_their_like() -> None:
    def alerts(*match: str) -> ModelCard:
        made = AlertsCard.model_validate({"kind": "ModelCard", "name": "a", "alerts": {"match": list(match)}})
        found = ModelCard.model_validate(made.facts())
        found._alerts = made.alerts
        return found

    assert _asks(alerts("a=b", "c=d")) == _asks(alerts("c=d", "a=b"))
    assert _asks(alerts("a=b")) != _asks(alerts())


def test_a_source_that_is_away_is_no_refusal(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.error = SourceError("made", "unreachable", "refused")
    (one,) = planned(tmp_path, monkeypatch, card()).cards
    assert one.unreachable == ("made: unreachable: refused",)
    assert one.refused == ()


def test_what_a_source_refuses_is_a_refusal(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.error = SourceError("made", "too_many_series", "70000 series, more than limits.series = 50000")
    (one,) = planned(tmp_path, monkeypatch, card()).cards
    assert "70000 series" in one.refused[0]
    assert one.unreachable == ()
