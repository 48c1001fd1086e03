"""What a backtest over cards may be asked, and what is said of a question that makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiops.backtest.question import (
    BadQuestion,
    Question,
    cards_of,
    close,
    grid,
    moments,
    read_all,
    rooms_of,
    settings_of,
)
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START


def test_a_time_is_an_instant_or_a_duration_before_the_last() -> None:
    assert moments("30d", "", 100 * DAY) == (70 * DAY, 100 * DAY)
    assert moments("2d", "10d", 100 * DAY) == (88 * DAY, 90 * DAY)
    assert moments("1970-01-02T00:00:00Z", str(3 * DAY), 0.0) == (DAY, 3 * DAY)
    assert moments("", "", 5.0) == (None, 5.0)


@pytest.mark.parametrize(("since", "until"), [("soon", ""), ("1d", "yesterday"), ("2026-01-02T00:00:00Z", "100")])
def test_a_time_that_is_none_is_refused(since: str, until: str) -> None:
    with pytest.raises(BadQuestion):
        moments(since, until, 10.0**9)


def test_a_host_keeps_no_past() -> None:
    with pytest.raises(BadQuestion, match="keeps a past"):
        settings_of(Question(None, None))


def test_of_several_sources_those_with_a_past_are_replayed(tmp_path: Path) -> None:
    config = {"sources": {"here": {"kind": "host"}, "prod": {"kind": "prometheus", "url": "http://127.0.0.1:9"}}}
    (tmp_path / "aiops.yaml").write_text(json.dumps(config))
    assert list(settings_of(Question(tmp_path / "aiops.yaml", None)).sources) == ["prod"]


def test_a_recording_stands_in_the_place_of_all_sources(tmp_path: Path) -> None:
    (name,) = settings_of(Question(None, tmp_path)).sources.values()
    assert name.kind == "recording"


def test_cards_are_named_or_given_as_files(tmp_path: Path) -> None:
    asked = Question(None, tmp_path, ("disk_full", str(write_card(tmp_path))))
    assert [card.name for card in cards_of(asked, settings_of(asked))] == ["disk", "disk_full"]
    everything = Question(None, tmp_path)
    assert len(cards_of(everything, settings_of(everything))) > 5
    unknown = Question(None, tmp_path, ("disk_fill",))
    with pytest.raises(BadQuestion, match="no card 'disk_fill'"):
        cards_of(unknown, settings_of(unknown))


def test_what_the_cards_ask_is_read_and_cards_without_series_are_left_out(tmp_path: Path) -> None:
    recorded(tmp_path / "rec")
    empty = write_card(tmp_path, name="empty", query="nothing")
    cards = (str(write_card(tmp_path)), str(empty))
    asked = Question(None, tmp_path / "rec", cards, START, START + DAYS * DAY)
    rooms = rooms_of(asked, tmp_path / "kept")
    try:
        shares: list[float] = []
        (watch,) = read_all(rooms, shares.append)
        assert watch.card.name == "disk"
        assert shares[-1] == 1.0
        assert not rooms.marks_turns
    finally:
        close(rooms)


def test_declared_truth_is_heard_only_where_a_card_asks_for_it(tmp_path: Path) -> None:
    recorded(tmp_path / "rec", days=0.2)
    told = write_card(tmp_path, truth={"incidents": ['service="x"']})
    for incidents, heard in ((None, False), (tmp_path / "i.json", True)):
        rooms = rooms_of(Question(None, tmp_path / "rec", (str(told),), START, START + DAY, incidents), tmp_path / "kept")
        assert rooms.marks_turns is heard
        close(rooms)


def test_turns_come_in_time_order_each_watch_at_its_own_step(tmp_path: Path) -> None:
    recorded(tmp_path / "rec", days=0.2)
    cards = (str(write_card(tmp_path)), str(write_card(tmp_path, name="slow", step="10m")))
    rooms = rooms_of(Question(None, tmp_path / "rec", cards, START, START + DAY), tmp_path / "kept")
    turns = grid(rooms.watches, START + 1, START + 4 * STEP)
    assert [(now - START, [watch.card.name for watch in some]) for now, some in turns] == [
        (300, ["disk"]), (600, ["disk", "slow"]), (900, ["disk"]), (1200, ["disk", "slow"]),
    ]  # fmt: skip
    close(rooms)
