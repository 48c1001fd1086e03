"""Where masks are read: a calendar, silences, a query of deploys, incidents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.config.masks import MaskSettings
from aiops.config.settings import Settings
from aiops.core.records import Outcome
from aiops.core.spans import Span
from aiops.outcomes.incidents import Incident
from aiops.pipeline import Rooms
from aiops.pipeline.desk import Desk
from aiops.pipeline.mask_read import Calendar, Deploys, Incidents, Silenced, past_book
from aiops.store import Store
from aiops.telemetry.document import Document
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import WORLDS, MadeParams, MadeSource, World
from tests.pipeline.made import rooms_of

NOON = float(int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()))
MINUTE = 60


def rule(**keys: Any) -> MaskSettings:
    return MaskSettings.model_validate(keys)


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    store = Store.open("sqlite://", None)
    yield rooms_of(store)
    store.close()


def test_a_calendar_is_worked_out_again_when_it_changed_or_a_day_has_passed(tmp_path: Path) -> None:
    file = tmp_path / "ops.ics"
    event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260304T110000Z\r\nDURATION:PT2H\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n"
    file.write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{event}END:VCALENDAR\r\n")
    one = Calendar("ops", rule(kind="ical", file=file), Document("ops", file))
    first, _ = one.read(NOON, (), None)
    assert [s.start_s for s in first[:2]] == [NOON - 3600, NOON + 82800]
    kept = one.read(NOON + 60, first, NOON)[0]
    assert kept is first
    assert one.read(NOON + 86400, first, NOON)[0][-1].start_s == first[-1].start_s + 86400
    file.write_text(file.read_text().replace("T110000Z", "T120000Z"))
    assert one.read(NOON + 120, first, NOON)[0][0].start_s == NOON


def silences(folder: Path, *found: tuple[str, float, float]) -> Silenced:
    matchers = [{"name": "a", "value": "1", "isRegex": False, "isEqual": True}]
    at = [datetime.fromtimestamp(t, UTC).isoformat() for _, *times in found for t in times]
    told = [
        {"id": name, "matchers": matchers, "startsAt": at[2 * i], "endsAt": at[2 * i + 1], "createdBy": "ann", "comment": ""}
        for i, (name, *_) in enumerate(found)
    ]
    (folder / "silences.json").write_text(json.dumps(told))
    return Silenced("am", Document("am", folder / "silences.json"))


def test_silences_that_alertmanager_forgot_are_remembered_while_they_matter(tmp_path: Path) -> None:
    first, _ = silences(tmp_path, ("old", NOON - 7200, NOON - 3600), ("cut", NOON - 60, NOON + 3600)).read(NOON, (), None)
    later, _ = silences(tmp_path).read(NOON + 60, first, NOON)
    assert [s.why for s in later] == ["silence old by ann"], "what was over stays; what was not, and is not told any more, is off"
    assert silences(tmp_path).read(NOON + 40 * 86400, later, NOON)[0] == ()


def test_a_silence_that_is_told_anew_takes_the_place_of_what_was_known(tmp_path: Path) -> None:
    first, _ = silences(tmp_path, ("s", NOON - 60, NOON + 3600)).read(NOON, (), None)
    (one,), _ = silences(tmp_path, ("s", NOON - 60, NOON + 30)).read(NOON + 60, first, NOON)
    assert one.end_s == NOON + 30


def deploys(world: World, **keys: Any) -> Deploys:
    WORLDS["masks"] = world
    source = MadeSource("made", MadeParams(world="masks"), ReadLimits())
    return Deploys("deploys", rule(kind="query", query="deployed", **{"for": "15m", "history": "1h", **keys}), Link(source))


def pulse(*minutes: int) -> Any:
    return lambda t: np.where(np.isin((t - NOON) / MINUTE, minutes), 1.0, 0.0)


def test_a_deploy_opens_a_time_of_the_given_length() -> None:
    world = World(begins_s=0)
    world.add("deployed", {"namespace": "shop"}, pulse(-30, -29, -5))
    spans, _ = deploys(world).read(NOON, (), None)
    assert [(s.start_s - NOON, s.end_s - NOON) for s in spans] == [(-1800, -840), (-300, 600)]
    assert "namespace=shop" in spans[0].why
    assert spans[0].match == ()


def test_a_deploy_means_the_series_that_share_its_labels() -> None:
    world = World(begins_s=0)
    world.add("deployed", {"namespace": "shop", "pod": "x"}, pulse(-5))
    world.add("deployed", {"namespace": "bank", "pod": "y"}, pulse())
    (one,), _ = deploys(world, on=["namespace"]).read(NOON, (), None)
    assert [str(m) for m in one.match] == ['namespace="shop"']


def test_only_what_is_new_is_asked_for_and_what_is_known_stays() -> None:
    world = World(begins_s=0)
    world.add("deployed", {}, pulse(-5, 2))
    reader = deploys(world)
    first, _ = reader.read(NOON, (), None)
    second, _ = reader.read(NOON + 180, first, NOON)
    assert [(start, end) for _, start, end, _ in world.asked] == [(NOON - 3600, NOON), (NOON, NOON + 180)]
    assert [s.start_s - NOON for s in second] == [-300, 120]


def outcome(verdict: Any, **more: Any) -> Outcome:
    told = {"warning_id": "w", "card": "disk_full", "entity": {"instance": "a"}, "opened_s": None, "failed_s": None, **more}
    return Outcome(verdict=verdict, settled_s=int(NOON), lead_s=None, eta_error_s=None, interval_covered=None, **told)


def test_an_incident_lasts_from_its_warning_to_some_time_after_the_failure(rooms: Rooms) -> None:
    with rooms.store.transaction() as tx:
        tx.put_outcome(outcome("hit", opened_s=int(NOON) - 3600, failed_s=int(NOON)))
        tx.put_outcome(outcome("false", warning_id="w2"))
    reader = Incidents(rule(kind="incidents", **{"for": "2h"}), rooms)
    (one,), _ = reader.read(NOON, (), None)
    assert (one.start_s, one.end_s, one.card) == (NOON - 3600, NOON + 7200, "disk_full")
    assert [str(m) for m in one.match] == ['instance="a"']


def test_an_incident_that_a_series_shows_ends_when_it_is_back(rooms: Rooms) -> None:
    with rooms.store.transaction() as tx:
        tx.put_outcome(outcome("missed", warning_id="", failed_s=int(NOON)))
    reader = Incidents(rule(kind="incidents", **{"for": "2h", "longest": "3d"}), rooms)
    rooms.failing["disk_full@made"] = frozenset({'{"instance":"a"}'})
    (going_on,), _ = reader.read(NOON + 60, (), None)
    assert (going_on.start_s, going_on.end_s) == (NOON, NOON + 3 * 86400)
    rooms.failing["disk_full@made"] = frozenset()
    (over,), _ = reader.read(NOON + 600, (going_on,), NOON)
    assert over == Span(NOON, NOON + 600, going_on.match, going_on.why, "disk_full")
    assert reader.read(NOON + 900, (over,), NOON)[0] == [over]


def test_an_incident_that_was_declared_ends_when_that_is_said(rooms: Rooms) -> None:
    with rooms.store.transaction() as tx:
        tx.put_outcome(outcome("missed", warning_id="", failed_s=int(NOON), truth="incident"))
    desk, reader = Desk(rooms.store), Incidents(rule(kind="incidents", **{"for": "2h"}), rooms)
    told = {"id": "7", "system": "pagerduty", "labels": {"instance": "a", "service": "shop"}, "at_s": int(NOON)}
    desk.incident(Incident(**told), "api", NOON)
    assert reader.read(NOON + 60, (), None)[0][0].end_s == NOON + 7200
    desk.incident(Incident(**told, end_s=int(NOON) + 900), "api", NOON + 900)
    assert reader.read(NOON + 960, (), None)[0][0].end_s == NOON + 900


def test_a_replay_reads_its_masks_once_and_whoever_comes_later_reads_the_same(rooms: Rooms, tmp_path: Path) -> None:
    event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T030000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=MONTHLY\r\nEND:VEVENT\r\n"
    (tmp_path / "ops.ics").write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{event}END:VCALENDAR\r\n")
    files = {"ops": "ops.ics", "gone": "no.ics"}
    masks: dict[str, Any] = {name: {"kind": "ical", "file": str(tmp_path / file)} for name, file in files.items()}
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "masks": masks})
    first = past_book(settings, rooms, NOON - 60 * 86400, NOON, tmp_path)
    months = [datetime.fromtimestamp(s.start_s, UTC).month for s in first.masks["ops"].spans]
    assert months == [1, 2, 3], "as far back as is replayed"
    troubles = first.troubles(NOON)
    assert troubles.keys() == {"gone"}
    assert "No such file or directory; it was never read" in troubles["gone"]
    (tmp_path / "ops.ics").unlink()
    assert past_book(settings, rooms, NOON - 60 * 86400, NOON, tmp_path).masks["ops"].spans == first.masks["ops"].spans


def test_a_replay_learns_what_incidents_mask_as_it_goes_and_never_from_an_earlier_one(rooms: Rooms, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "masks": {"failures": {"kind": "incidents"}}})
    book = past_book(settings, rooms, NOON - 60 * 86400, NOON, tmp_path)
    with rooms.store.transaction() as tx:
        tx.put_outcome(outcome("missed", warning_id="", failed_s=int(NOON) - 7200))
    assert not book.masks["failures"].spans, "nothing was looked at yet"
    book.refresh(NOON - 7200)
    assert [one.start_s for one in book.masks["failures"].spans] == [NOON - 7200]
    assert book.follows_verdicts("disk")
    assert not past_book(settings, rooms, NOON - 60 * 86400, NOON, tmp_path).masks["failures"].spans


def test_masks_of_what_was_judged_can_be_left_out(rooms: Rooms, tmp_path: Path) -> None:
    masks = {"failures": {"kind": "incidents", "cards": ["disk"]}, "night": {"kind": "cron", "cron": "0 3 * * *", "for": "1h"}}
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "masks": masks})
    book = past_book(settings, rooms, NOON - 60 * 86400, NOON, tmp_path)
    version = book.version
    assert (book.follows_verdicts("disk"), book.follows_verdicts("other")) == (True, False)
    book.leave_out_verdicts()
    assert (list(book.masks), book.asks_what_fails, book.version > version) == (["night"], False, True)


def test_a_replay_knows_the_silences_that_only_the_daemon_remembers(rooms: Rooms, tmp_path: Path) -> None:
    old = Span(NOON - 20 * 86400, NOON - 19 * 86400, (), "silence s by ann")
    (tmp_path / "data" / "masks").mkdir(parents=True)
    kept = {"read_s": NOON - 3600, "spans": [old.as_json()]}
    (tmp_path / "data" / "masks" / "am.json").write_text(json.dumps(kept))
    masks = {"am": {"kind": "silences", "url": "http://127.0.0.1:9"}}
    book = past_book(Settings.model_validate({"data_dir": tmp_path / "data", "masks": masks}), rooms, 0, NOON, tmp_path)
    assert [one for _, one in book.about("disk", 0, NOON)] == [old]
    assert "unreachable" in book.troubles(NOON)["am"]
