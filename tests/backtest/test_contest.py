"""Warnings of baselines and their verdicts: by the very law that judges ours, which ours through it prove."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.backtest.contest import (
    OURS,
    Standing,
    Told,
    beats,
    contested,
    in_time,
    judged,
    standings,
    total,
    warnings_of,
)
from aiops.backtest.contest_lanes import Heard, ground_of
from aiops.backtest.lanes import survey
from aiops.backtest.run import Options, replay
from aiops.backtest.spool import Spool
from aiops.core.records import CROSSED, GONE, Outcome
from aiops.outcomes.settle import Failure
from tests.backtest.recordings import DAY, START, noisy, write_json, write_series
from tests.backtest.test_ground import ground


def failed(on: Any, *columns: int, entity: int = 0, truth: str = "crossing") -> list[Failure]:
    return [Failure(on.card, on.entities[entity], int(on.time_s[at]), truth) for at in columns]


def verdicts(method: str, on: Any, failures: list[Failure]) -> dict[str, int]:
    return dict(Counter(o.verdict for o in judged(warnings_of(method, on, failures), failures, on)))


def rising() -> Any:
    """Flat, then steadily to the limit at column 420, and on."""
    return ground(
        np.concatenate([np.full(120, 0.2), np.linspace(0.2, 1.0, 301), np.full(400, 1.1)])[None, :], horizon_s=7200.0
    )


def test_a_static_threshold_is_late_for_everything_and_misses_nothing() -> None:
    assert verdicts("static", rising(), failed(rising(), 420)) == {"late": 1}


def test_a_line_that_sees_it_coming_is_a_hit_and_ends_with_the_crossing() -> None:
    on = rising()
    (one,) = warnings_of("predict_linear[1h]", on, failed(on, 420))
    assert one.closed_why == CROSSED
    assert one.closed_s == int(on.time_s[420])
    assert verdicts("predict_linear[1h]", on, failed(on, 420)) == {"hit": 1}


def test_what_is_taken_back_is_false_and_the_failure_later_missed() -> None:
    values = np.concatenate([np.full(200, 0.2), np.linspace(0.2, 0.6, 60), np.full(600, 0.2)])[None, :]
    values[0, 800:] = 1.2
    on = ground(values, horizon_s=7200.0)
    (one,) = warnings_of("predict_linear[1h]", on, failed(on, 800))
    assert one.closed_why == GONE
    assert verdicts("predict_linear[1h]", on, failed(on, 800)) == {"false": 1, "missed": 1}


def test_an_episode_that_outlasts_a_failure_is_two_warnings() -> None:
    values = np.full((2, 400), 0.2)
    values[:] += 0.002 * np.arange(400)
    values[0, 200] = 1.2
    on = ground(values, [0, 0], horizon_s=86400.0)
    found = warnings_of("predict_linear[6h]", on, failed(on, 200))
    assert found[0].closed_why == CROSSED
    assert found[0].closed_s == int(on.time_s[200])
    assert found[1].opened_s > int(on.time_s[200])


def test_one_failure_settles_one_warning_and_the_other_is_unjudgeable() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.01, (1, 1800))
    values[0, 300:303], values[0, 600:603], values[0, 900:] = 0.7, 0.9, 1.1
    on = ground(values)
    assert verdicts("zscore", on, failed(on, 900)) == {"hit": 1, "unjudgeable": 1}


def test_a_gap_over_the_deadline_makes_it_unjudgeable() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.01, (2, 2100))
    values[:, 300:303] = 0.7
    values[0, 400:800] = np.nan
    on = ground(values)
    found = {o.entity["e"]: o.verdict for o in judged(warnings_of("zscore", on, []), [], on)}
    assert found == {"0": "unjudgeable", "1": "false"}


@pytest.mark.parametrize(("back", "found"), [(700, {"unjudgeable": 1}), (425, {"hit": 1})], ids=["gone", "a gap"])
def test_what_was_gone_when_every_told_time_had_passed_is_settled_before_it_comes_back(back: int, found: dict[str, int]) -> None:
    (told,) = warnings_of("predict_linear[1h]", rising(), failed(rising(), 420))
    values = rising().values.copy()
    values[0, 380:back] = np.nan
    on = ground(values, horizon_s=7200.0)
    still_open = replace(told, state="open", closed_s=None, closed_why="", horizon_s=86400.0)
    assert Counter(o.verdict for o in judged([still_open], failed(on, back), on)) == found


def test_another_limit_in_between_makes_it_unjudgeable() -> None:
    on = rising()
    limit = np.full(on.values.shape, 1.0)
    limit[0, 410:] = 2.0
    other = ground(on.values, limit=limit, horizon_s=7200.0)
    found = verdicts("predict_linear[1h]", other, [])
    assert found["unjudgeable"] >= 1
    assert "hit" not in found


def test_what_may_still_come_true_is_open_at_the_end() -> None:
    on = rising()
    early = ground(on.values[:, :400], horizon_s=7200.0)
    (told, *_) = [one for one in contested(early, []) if one.method == "predict_linear[1h]"]
    assert (len(told.warnings), told.open, told.outcomes) == (1, 1, [])


def test_an_incident_without_an_entity_is_one_of_everything() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.01, (2, 900))
    values[:, 300:303] = 0.7
    on = ground(values, limit=np.nan)
    everywhere = [Failure(on.card, {}, int(on.time_s[600]), "incident")]
    assert verdicts("zscore", on, everywhere) == {"hit": 1, "unjudgeable": 1}


def test_our_own_warnings_get_the_verdicts_that_the_turns_gave_them(tmp_path: Path) -> None:
    """Walks that drift to a limit and back, with gaps; whatever the daemon decides turn by turn, the array law decides too."""
    count = 5 * DAY // 300
    limits = {}
    walks = [np.random.default_rng(seed) for seed in range(4)]
    for (seed, rng), i in itertools.product(enumerate(walks), range(4)):
        walk = 0.5 + 0.35 * np.cumsum(rng.normal(0.0004, 0.004, count)) / np.sqrt(i + 1) + rng.normal(0, 0.002, count)
        kept = rng.random(count) > 0.01
        at = int(rng.integers(count // 2, count - 300))
        kept[at : at + 200] = False
        kept[0] = True
        name, noise = f"w{seed}{i}", noisy(count, i)
        write_series(tmp_path, name, (START + 300 * np.arange(count))[kept], {"x": walk[kept], "y": noise[kept]})
        limits[name] = {"x": {"above": float(np.quantile(walk, 0.93))}}
    write_json(tmp_path, "limits.json", limits)
    lanes = [entry.load() for entry in survey(tmp_path).entries]
    options = Options(horizon_s=DAY, compare=True)
    heard: list[Heard] = []
    spool = Spool(tmp_path / "spool", [lane.entity for lane in lanes])
    replay(lanes, options, spool, heard=heard.append)
    spool.close()
    count_of: dict[str, Counter[str]] = defaultdict(Counter)
    for lane in lanes:
        live = {o.warning_id: o.verdict for o in heard[0].outcomes.get(lane.entity, ()) if o.warning_id}
        missed = sum(not o.warning_id for o in heard[0].outcomes.get(lane.entity, ()))
        warnings = [one.last for one in heard[0].episodes.get(lane.entity, {}).values()]
        again = judged(warnings, heard[0].failures.get(lane.entity, []), ground_of(lane, DAY))
        assert {o.warning_id: o.verdict for o in again if o.warning_id} == live
        assert sum(not o.warning_id for o in again) == missed
        count_of[lane.entity[:2]].update(live.values())
    assert all(sum(found.values()) > 0 for found in count_of.values())


def standing(hits: int, false: int, lead: float = 3600.0, missed: int = 0, method: str = "static") -> Standing:
    values = np.full((1, 10), 0.5)
    on = ground(values)
    told = Told("c", method)
    for i in range(hits):
        told.outcomes.append(Outcome(f"h{i}", "c", {}, "hit", 100, 10, 50, lead, None, None))
    for i in range(false):
        told.outcomes.append(Outcome(f"f{i}", "c", {}, "false", 100, 10, None, None, None, None))
    for i in range(missed):
        told.outcomes.append(Outcome("", "c", {"e": str(i)}, "missed", 100, None, 50, None, None, None))
    told.series_seconds = on.series_seconds
    (found,) = standings([told])
    return found


@pytest.mark.parametrize(
    ("baseline", "ours", "wins"),
    [
        (standing(3, 1), standing(2, 1), True), (standing(3, 2), standing(2, 1), False),
        (standing(2, 0), standing(2, 1), True), (standing(2, 1), standing(2, 1), False),
        (standing(2, 0, lead=60), standing(2, 1), False), (standing(1, 0), standing(2, 5), False),
        (standing(0, 0), standing(0, 2), True), (standing(0, 0), standing(0, 0), False),
    ],
)  # fmt: skip
def test_who_wins(baseline: Standing, ours: Standing, wins: bool) -> None:
    assert beats(baseline, ours) is wins


def test_in_time_is_the_share_of_failures_that_hits_foresaw() -> None:
    assert in_time(standing(3, 1, missed=1)) == 0.75
    assert in_time(standing(0, 1)) is None


def test_the_table_adds_up_watches_of_a_card_and_cards_of_the_whole() -> None:
    told = [Told("a", OURS, series=2, series_seconds=7 * DAY), Told("a", OURS, series=3), Told("b", OURS, series=5)]
    assert [(one.told.card, one.told.series) for one in standings(told)] == [("a", 5), ("b", 5)]
    (whole,) = total(told)
    assert (whole.told.card, whole.told.series, whole.figures, whole.false_rate) == ("all", 10, None, 0.0)
    assert [one.series for one in told] == [2, 3, 5]
