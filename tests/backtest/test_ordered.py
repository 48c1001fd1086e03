"""The ordered pass: turns, declared truth in its time, and what of it counts as one failure."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from aiops.backtest.ordered import CHALLENGED, Passed, declared, ground_of, ours, run
from aiops.backtest.question import Question, close, read_all, rooms_of
from aiops.outcomes.incidents import Incident
from aiops.pipeline import Rooms, Watch
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START, write_series

END = START + DAYS * DAY - STEP


def passed(folder: Path, incidents: tuple[Incident, ...] = (), **card: Any) -> tuple[Rooms, list[Watch], Passed]:
    """All turns of the recording under one card."""
    path = folder / "i.json"
    folder.mkdir(exist_ok=True)
    asked = Question(None, recorded(folder / "rec"), (str(write_card(folder, **card)),), START, END, path if incidents else None)
    rooms = rooms_of(asked, folder / "kept")
    watches = read_all(rooms, lambda _: None)
    return rooms, watches, run(rooms, watches, START, END, incidents)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rooms, watches, found = passed(tmp_path_factory.mktemp("plain"))
    yield rooms, watches, found
    close(rooms)


def test_what_fills_is_warned_of_and_what_jumps_is_missed(plain: Any) -> None:
    _, _, found = plain
    assert {(o.verdict, o.entity["entity"]) for o in found.outcomes} == {("hit", "full"), ("missed", "jump")}
    (course,) = found.courses
    assert {one.opened.entity["entity"] for one in course.episodes.values()} == {"full"}
    (episode,) = course.episodes.values()
    assert episode.outcome is not None
    assert (episode.outcome.verdict, episode.opened.state, episode.last.state) == ("hit", "open", "closed")
    assert course.turns == DAYS * 288


def test_the_times_that_were_told_are_kept_as_they_changed(plain: Any) -> None:
    (episode,) = plain[2].courses[0].episodes.values()
    told = episode.told
    assert told[0][0] == episode.opened.opened_s
    assert all(a[1:] != b[1:] and a[0] < b[0] for a, b in itertools.pairwise(told))


def test_the_ground_is_what_the_turns_saw_and_what_was_before(plain: Any) -> None:
    rooms, (watch,), found = plain
    ground = ground_of(found.courses[0], rooms, START + DAY, END, DAY // 2)
    assert (int(ground.time_s[0]), ground.end_s, ground.first) == (START + DAY // 2, END, 144)
    latest = watch.window.latest(END)
    assert ground.values[:, -1] == pytest.approx(latest, abs=1e-6)
    assert ground.limited
    assert ground.told


def test_ours_holds_the_verdicts_of_its_own_watch(plain: Any) -> None:
    rooms, _, found = plain
    told = ours(found.courses[0], found.outcomes, ground_of(found.courses[0], rooms, START, END, 0))
    assert (told.method, len(told.warnings), len(told.outcomes), told.open, told.series) == ("aiops", 1, 2, 0, 3)


def test_a_challenger_has_a_line_beside_its_card(tmp_path: Path) -> None:
    rooms, _, found = passed(tmp_path, challenger={"forecast": {"model": "exhaustion"}})
    lines = [ours(one, found.outcomes, ground_of(one, rooms, START, END, 0)) for one in found.courses]
    assert [(one.card, one.method) for one in lines] == [("disk", "aiops"), ("disk", CHALLENGED)]
    assert [o.verdict for o in lines[0].outcomes] == [o.verdict for o in lines[1].outcomes]
    close(rooms)


def test_an_incident_is_heard_when_it_was_declared_and_settles_what_warned_of_it(tmp_path: Path) -> None:
    at = START + int(2 * DAY)
    incidents = (Incident("1", "pager", {"entity": "full", "what": "disk"}, at), Incident("2", "pager", {"what": "net"}, at))
    rooms, _, found = passed(tmp_path, incidents, truth={"crossing": False, "incidents": ['what="disk"']})
    (outcome,) = [o for o in found.outcomes if o.verdict == "hit"]
    assert (outcome.truth, outcome.failed_s, outcome.entity["entity"]) == ("incident", at, "full")
    assert outcome.settled_s == at
    (failure,) = declared(rooms, found.courses[0])
    assert (failure.truth, failure.at_s) == ("incident", at)
    close(rooms)


def test_an_incident_from_before_the_first_turn_is_nobodys_failure(tmp_path: Path) -> None:
    incidents = tuple(Incident(str(at), "pager", {"entity": "calm"}, at) for at in (START - 1, START + DAY))
    rooms, _, found = passed(tmp_path, incidents, truth={"crossing": False, "incidents": ['entity="calm"']})
    assert [(o.verdict, o.failed_s) for o in found.outcomes if o.entity["entity"] == "calm"] == [("missed", START + DAY)]
    assert [one.at_s for one in declared(rooms, found.courses[0])] == [START + DAY]
    close(rooms)


def test_an_incident_that_is_declared_again_is_one_failure_to_us_and_to_baselines(tmp_path: Path) -> None:
    times = (START + DAY, START + DAY + 1500, START + DAY + 3300)
    incidents = tuple(Incident(str(at), "pager", {"entity": "calm"}, at) for at in times)
    rooms, _, found = passed(tmp_path, incidents, truth={"crossing": False, "incidents": ['entity="calm"']})
    assert [o.failed_s for o in found.outcomes if o.entity["entity"] == "calm"] == [times[0], times[2]]
    assert [one.at_s for one in declared(rooms, found.courses[0])] == [times[0], times[2]]
    close(rooms)


def test_that_an_incident_is_over_is_heard_when_it_was(tmp_path: Path) -> None:
    over = Incident("1", "pager", {"entity": "full"}, START + DAY, end_s=START + 2 * DAY)
    rooms, _, _ = passed(tmp_path, (over, Incident("2", "pager", {"entity": "calm"}, START + DAY, end_s=END + DAY)))
    said = {one.key: one.said_s for one in rooms.store.statements(kind="incident")}
    assert sorted(said.values()) == [START + DAY, START + DAY, START + 2 * DAY]
    assert sum(name.endswith(":end") for name in said) == 1, "of the other that is not known before the last turn"
    close(rooms)


def test_a_crossing_and_the_incident_about_it_are_one_failure(tmp_path: Path) -> None:
    rooms, _, found = passed(tmp_path)
    (crossed,) = [f for f in found.courses[0].failures if f.entity["entity"] == "full"]
    close(rooms)
    said = tuple(
        Incident(str(at), "pager", {"entity": "full"}, at) for at in (crossed.at_s + 600, END - DAY // 4)
    )
    rooms, _, found = passed(tmp_path / "two", said, truth={"incidents": ['entity="full"']})
    mine = [(f.truth, f.at_s) for f in declared(rooms, found.courses[0]) if f.entity["entity"] == "full"]
    assert mine == [("crossing", crossed.at_s), ("incident", END - DAY // 4)]
    close(rooms)


def test_a_limit_that_a_query_gives_is_known_as_it_was_at_each_turn(tmp_path: Path) -> None:
    count = DAYS * DAY // STEP
    rec = recorded(tmp_path / "rec")
    raised = np.where(np.arange(count) < count // 2, 1.0, 5.0)
    for entity, limit in (("full", np.ones(count)), ("calm", raised)):
        path = rec / "series" / f"{entity}.parquet"
        disk = pq.read_table(path)["disk"].to_numpy()
        write_series(rec, entity, START + STEP * np.arange(count), {"disk": disk, "room": limit})
    forecast = {"limit": {"above": "room", "on": ["entity"]}, "horizon": "1d"}
    asked = Question(None, rec, (str(write_card(tmp_path, forecast=forecast)),), START, END)
    rooms = rooms_of(asked, tmp_path / "kept")
    try:
        watches = read_all(rooms, lambda _: None)
        found = run(rooms, watches, START, END)
        assert [(o.verdict, o.entity["entity"]) for o in found.outcomes] == [("hit", "full")], "nobody told of a limit for `jump`"
        ground = ground_of(found.courses[0], rooms, START, END, 0)
        calm = next(i for i, labels in enumerate(ground.labels) if labels["entity"] == "calm")
        jump = next(i for i, labels in enumerate(ground.labels) if labels["entity"] == "jump")
        assert np.array_equal(ground.limit[calm], raised)
        assert np.isnan(ground.limit[jump]).all()
    finally:
        close(rooms)
