"""The edge cases of docs/judging.md, each by its name there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from aiops.core.records import GONE, Crossing, EarlyWarning, Lineage, Outcome, Symptom
from aiops.early_warnings.episode import warning_fingerprint
from aiops.models.card import ModelCard
from aiops.outcomes.incidents import Incident
from aiops.pipeline import Changes, Watch
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.decide import _remember
from aiops.pipeline.desk import Desk
from aiops.pipeline.hear import hear
from aiops.pipeline.judge import _left_course, crossed_rows, open_episode, settle
from aiops.pipeline.mask import masked
from aiops.pipeline.pending import Pending
from aiops.store import Store
from aiops.telemetry.window import Window
from tests.pipeline.made import START_S, STEP_S, World, card, reading, rooms_of, watch_of

IN, OUT, GAP = 0.5, 0.01, float("nan")
HORIZON = 100 * STEP_S
SYMPTOM = Symptom(
    "disk", "disk", {"instance": "i0"}, "exhaustion", START_S, "warning", 0.7, 0.0, None, {"now": 0.5, "limit": 0.05},
    Lineage("made", "free", START_S, START_S),
)  # fmt: skip
HOURLY = {"exclude": [{"cron": "0 * * * *", "for": "30m"}]}


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


class Made:
    """One disk, watched for a while: what was measured is written down, warnings are put there as if they had been opened."""

    def __init__(self, store: Store, **more: Any) -> None:
        self.watch: Watch = watch_of(World(), card(forecast={"limit": {"below": 0.05}, "horizon": f"{HORIZON}s"}, **more))
        self.rooms, self.outcomes, self.now = rooms_of(store), list[Outcome](), START_S
        self.live([IN])
        self.watch.judged_s = self.now

    def live(self, values: list[float]) -> None:
        """So many steps, in each of them judged what can be."""
        for value in values:
            self.now += STEP_S
            changes = Changes("disk", "made", self.now)
            new = reading(self.watch, [[value]], self.now)
            if self.masked():
                new.masked[:] = True
            crossed = crossed_rows(self.watch, new)
            for one in [p.warning for p in self.watch.pending.values() if p.warning.state == "open" and crossed]:
                self.close(one, "the limit was crossed")
            settle(self.watch, crossed, self.now, self.rooms, changes)
            self.outcomes += changes.outcomes
            self.watch.judged_s = self.now

    def masked(self) -> bool:
        return bool(masked(self.watch, self.now)[0]) if self.watch.n else False

    def warn(self, number: int = 1, first: int = 20, last: int = 30, **changes: Any) -> EarlyWarning:
        """Open one now; it tells the steps `first` to `last` from now on."""
        told = Crossing(*(float(self.now + k * STEP_S) for k in (first, (first + last) / 2, last)))
        one = EarlyWarning(
            id=f"w{number}", fingerprint="f", card="disk", signal="disk", kind="exhaustion", entity={"instance": "i0"},
            labels={"instance": "i0"}, state="open", stage="ticket", opened_s=self.now, updated_s=self.now, severity="warning",
            confidence=0.7, score=0.0, crossing=told, first_crossing=told, told_latest_s=told.latest_s, act_before_s=None,
            symptoms=(SYMPTOM,), horizon_s=float(HORIZON), step_s=STEP_S, told_s=self.now,
        ).having(**changes)  # fmt: skip
        self.watch.open["f"] = one
        _remember(self.watch, one, 0)
        return one

    def close(self, one: EarlyWarning, why: str = GONE) -> None:
        current = open_episode(self.watch, one) or one
        _remember(self.watch, current.having(state="closed", closed_s=self.now, updated_s=self.now, closed_why=why), 0)

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(o.warning_id, o.verdict) for o in self.outcomes]


def test_two_failures_in_one_horizon(store: Store) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 22 + [OUT] + [IN] * REARM_STEPS + [OUT])
    assert made.verdicts == [("w1", "hit"), ("", "missed")]


def test_two_failures_in_one_horizon_each_warned_of(store: Store) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 22 + [OUT] + [IN] * 2)
    made.warn(2, 5, 20)
    made.live([IN] * REARM_STEPS + [OUT])
    assert made.verdicts == [("w1", "hit"), ("w2", "hit")]


def test_a_flapping_warning(store: Store) -> None:
    made = Made(store)
    for number in (1, 2, 3):
        one = made.warn(number)
        made.live([IN] * 4)
        if number < 3:
            made.close(one)
            made.live([IN] * 4)
    made.live([IN] * 18 + [OUT])
    assert made.verdicts == [("w1", "false"), ("w2", "false"), ("w3", "hit")]


def test_a_flapping_failure(store: Store) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 22 + [OUT, IN, OUT, IN, IN, OUT, *([IN] * (REARM_STEPS - 1)), OUT])
    assert made.verdicts == [("w1", "hit")]


def test_an_incident_that_is_declared_again_and_again(store: Store) -> None:
    desk = Desk(store, [ModelCard.model_validate(card(truth={"incidents": ['severity="page"']}))])
    step = STEP_S
    for at, wanted in ((0, 1), (4, 0), (10, 0), (11, 1), (12, 0), (40, 1)):
        one = Incident(str(at), "alertmanager", {"severity": "page", "instance": "i0"}, START_S + at * step)
        assert len(desk.incident(one, "webhook", START_S + 50 * step)) == wanted, at
    elsewhere = Incident("x", "alertmanager", {"severity": "page", "instance": "i1"}, START_S + step)
    assert len(desk.incident(elsewhere, "webhook", START_S + 50 * step)) == 1


@pytest.mark.parametrize(("after", "wanted"), [(1, [("w1", "hit")]), (2, [("w1", "false"), ("", "missed")])])
def test_a_failure_right_after_the_withdrawal(store: Store, after: int, wanted: list[tuple[str, str]]) -> None:
    made = Made(store)
    made.close(made.warn())
    made.live([IN] * after + [OUT])
    assert sorted(made.verdicts) == sorted(wanted)


@pytest.mark.parametrize(("gap", "wanted"), [(10, "unjudgeable"), (1, "false")])
def test_missing_data_at_the_decisive_moment(store: Store, gap: int, wanted: str) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 20 + [GAP] * gap + [IN] * (90 - gap))  # 10 of 110 in all, but most of what was told
    assert made.outcomes == []
    made.live([IN] * 3)
    assert made.verdicts == [("w1", wanted)]


def test_missing_data_elsewhere(store: Store) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 40 + [GAP] * 8 + [IN] * 63)
    assert made.verdicts == [("w1", "false")]


def test_a_failure_in_maintenance(store: Store) -> None:
    made = Made(store, **HOURLY)
    made.warn()
    while not made.masked():
        made.live([IN])
    made.live([OUT])
    assert made.verdicts == []


def test_maintenance_counts_as_missing_data(store: Store) -> None:
    made = Made(store, **HOURLY)
    made.warn()
    made.live([IN] * 111)
    assert made.verdicts == [("w1", "unjudgeable")]


@pytest.mark.parametrize("told", [True, False])
def test_a_silence_changes_no_verdict(store: Store, told: bool) -> None:
    made = Made(store)
    made.warn(told_s=START_S if told else None)
    made.live([IN] * 22 + [OUT])
    assert made.verdicts == [("w1", "hit")]


def test_the_limit_changed(store: Store) -> None:
    made = Made(store)
    made.warn()
    made.live([IN] * 5)
    made.watch.limit = made.watch.limit.take(slice(None))
    made.watch.limit.value[0] = 0.02
    made.live([IN])
    assert made.verdicts == [("w1", "unjudgeable")]


def test_a_time_that_is_postponed_again_and_again(store: Store) -> None:
    made = Made(store)
    one = made.warn()
    for _ in range(4):
        made.live([IN] * 20)
        later = Crossing(made.now + 6000.0, made.now + 7500.0, made.now + 9000.0)
        one = one.having(crossing=later, told_latest_s=later.latest_s, updated_s=made.now)
        _remember(made.watch, one, 0)
    made.live([OUT])
    (found,) = made.outcomes
    assert (found.verdict, found.well_timed, found.interval_covered) == ("hit", False, False)


def test_a_horizon_that_passes_while_it_stands(store: Store) -> None:
    made = Made(store)
    one = made.warn()
    made.live([IN] * 112)
    _remember(made.watch, one.having(updated_s=made.now, verdict="false"), 0)
    made.live([OUT])
    assert made.verdicts == [("w1", "false")], "the failure after it is neither its own nor missed"


def test_several_warnings_of_one_failure(store: Store) -> None:
    made = Made(store)
    earlier = made.warn()
    made.watch.pending["w1"].act(made.now, 3600.0)
    made.live([IN] * 5)
    made.close(earlier)
    made.warn(2)
    made.live([IN] * 20 + [OUT])
    assert made.verdicts == [("w1", "hit"), ("w2", "unjudgeable")]


@pytest.mark.parametrize(("acted", "stays", "wanted"), [(True, True, "averted"), (True, False, "false"), (False, True, "false")])
def test_something_was_done_and_it_did_not_come(store: Store, acted: bool, stays: bool, wanted: str) -> None:
    made = Made(store)
    made.live([IN - 0.001 * k for k in range(40)])
    one = made.warn(1, 40, 60)
    if acted:
        made.watch.pending["w1"].act(made.now, 3600.0)
    level = [0.9 if acted else 0.461] * 13
    made.live(level)
    made.close(one)
    if not stays:
        made.warn(2)
    made.live([0.9] * 100)
    assert made.verdicts[0] == ("w1", wanted)


@pytest.mark.parametrize(("late", "wanted"), [(False, [("w1", "false"), ("w1", "averted")]), (True, [("w1", "false")])])
def test_something_was_done_after_the_withdrawal(store: Store, late: bool, wanted: list[tuple[str, str]]) -> None:
    made = Made(store)
    made.live([IN - 0.001 * k for k in range(40)])
    mark = warning_fingerprint("disk", "exhaustion", {"instance": "i0"}, "made")
    one = made.warn(1, 40, 60, fingerprint=mark)
    done = made.now
    made.live([0.9] * 2 if not late else [0.461] * 2)
    made.close(one)
    with store.transaction() as tx:
        tx.put_warning(made.watch.pending["w1"].warning)
    made.live([0.9 if not late else 0.461] * 11)
    Desk(store).acted("w1", "deleted logs", "ann", made.now if late else done, made.now)
    hear(made.watch, made.now, made.rooms, Changes("disk", "made", made.now))
    made.live([0.9] * 100)
    assert made.verdicts == wanted


def test_what_was_done_changed_nothing(store: Store) -> None:
    made = Made(store)
    made.live([IN - 0.001 * k for k in range(40)])
    one = made.warn(1, 40, 60)
    made.watch.pending["w1"].act(made.now, 3600.0)
    made.live([0.461 - 0.001 * k for k in range(20)])
    made.close(one)
    made.live([0.44] * 100)
    assert made.verdicts == [("w1", "false")]


def test_a_warning_put_there_is_judged_like_one_that_was_taken_up(store: Store) -> None:
    made = Made(store)
    one = made.warn()
    made.watch.pending[one.id] = Pending(one, (0.05,))
    made.live([IN] * 22 + [OUT])
    assert made.verdicts == [("w1", "hit")]


def test_every_row_of_the_table_is_a_test_of_that_name() -> None:
    page = (Path(__file__).parents[2] / "docs" / "judging.md").read_text("utf-8")
    table = page.split("| edge case | what happens |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [line.split("|")[1].strip() for line in table]
    assert len(rows) >= 12
    tests = tuple(name for name in globals() if name.startswith("test_"))
    assert [row for row in rows if not any(name.startswith(f"test_{row.replace(' ', '_')}") for name in tests)] == []


@pytest.mark.parametrize(("within", "wanted"), [(7200.0, "averted"), (1500.0, "false")])
def test_what_was_done_must_show_within_the_time_of_its_runbook(store: Store, within: float, wanted: str) -> None:
    made = Made(store)
    made.live([IN - 0.001 * k for k in range(60)])
    one = made.warn(1, 40, 60)
    made.watch.pending["w1"].act(made.now, within)
    made.live([0.44 - 0.001 * k for k in range(8)] + [0.9] * 20)
    made.close(one)
    made.live([0.9] * 100)
    assert made.verdicts == [("w1", wanted)]


def test_averted_says_how_many_clear_by_themselves(store: Store) -> None:
    made = Made(store)
    made.close(made.warn(7))
    made.live([IN - 0.001 * k for k in range(40)])
    one = made.warn(1, 40, 60)
    made.watch.pending["w1"].act(made.now, 3600.0)
    made.live([0.9] * 13)
    made.close(one)
    made.live([0.9] * 100)
    assert made.verdicts == [("w7", "false"), ("w1", "averted")]
    assert made.outcomes[1].detail.endswith("it did not come back; of 1 that nobody touched 1 cleared by themselves")


def test_that_it_showed_is_known_long_after_the_samples_of_then_are_forgotten(store: Store) -> None:
    made = Made(store)
    made.live([IN - 0.001 * k for k in range(40)])
    one = made.warn(1, 40, 60)
    made.watch.pending["w1"].act(made.now, 3600.0)
    made.live([0.9] * 13)
    turned = made.watch.open["f"]
    assert turned.turned_s == made.now - STEP_S, "an hour after it was done"
    made.close(one)
    made.watch.pending["w1"] = Pending(made.watch.pending["w1"].warning, (0.05,), acted=True)  # as after a restart
    made.live([0.9] * 100)
    assert made.verdicts == [("w1", "averted")]


@pytest.mark.parametrize("helped", [True, False])
def test_of_a_young_series_what_shows_is_not_looked_for_in_coarse_means(helped: bool) -> None:
    window = Window.open(None, 4, 1)
    rows = window.rows_for([{"instance": "i0"}])
    count, done = 250, 150
    falling = 0.9 - 0.002 * np.arange(count)
    values = np.where(np.arange(count) > done, 0.95, falling) if helped else falling
    times = START_S + 4 * np.arange(count)
    window.append(rows, times, values[None])
    watch = cast(Watch, SimpleNamespace(window=window, rows_of=lambda number: rows))
    assert _left_course(watch, 0, seen_falling(), int(times[done]), 300.0) is helped


def seen_falling() -> EarlyWarning:
    return cast(EarlyWarning, SimpleNamespace(symptoms=(SYMPTOM,)))
