"""`aiops backtest` over cards, as one thing."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from aiops.backtest.compare import Comparison, compare, declared_in
from aiops.backtest.question import Question
from aiops.core.errors import FileError, SourceError
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START

END = START + DAYS * DAY - STEP


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("compared")
    cards = (str(write_card(folder)), str(write_card(folder, name="void", query="nothing")))
    return compare(Question(None, recorded(folder / "rec"), cards, START, END), folder / "kept", pictures=True)


def test_the_table_holds_us_and_every_baseline_on_the_same_series(found: Comparison) -> None:
    methods = [one.told.method for one in found.lines]
    assert methods == [
        "aiops", "static", "predict_linear[1h]", "predict_linear[6h]", "predict_linear[24h]", "zscore", "bands",
    ]  # fmt: skip
    assert {(one.told.series, one.told.card) for one in found.lines} == {(3, "disk")}
    failures = [one.count("hit") + one.count("late") + one.count("missed") for one in found.lines]
    assert failures == [2] * 7


def test_nobody_wins_against_a_forecast_that_is_right(found: Comparison) -> None:
    assert [one.told.method for one in found.whole if one.wins] == []
    mine = found.whole[0]
    assert (mine.count("hit"), mine.count("false"), mine.count("missed")) == (1, 0, 1)


def test_warnings_are_told_with_their_verdicts_in_time_order(found: Comparison) -> None:
    rows = [orjson.loads(line) for line in found.warning_lines()]
    assert [(row["warning"] is not None, row["outcome"]["verdict"]) for row in rows] == [(True, "hit"), (False, "missed")]


def test_verdicts_of_a_challenger_are_written_beside_those_of_its_card(tmp_path: Path) -> None:
    written = write_card(tmp_path, challenger={"forecast": {"model": "exhaustion", "params": {"pending_s": 60}}})
    asked = Question(None, recorded(tmp_path / "rec"), (str(written),), START + 2 * DAY, END)
    rows = [orjson.loads(line) for line in compare(asked, tmp_path / "kept").outcome_lines()]
    assert {row["card"] for row in rows} == {"disk", "disk~challenger"}
    assert [row["settled_s"] for row in rows] == sorted(row["settled_s"] for row in rows)


def test_there_is_something_to_show_of_each(found: Comparison) -> None:
    assert [(one.verdict, one.entity["entity"]) for one in found.shown] == [("hit", "full"), ("missed", "jump")]


def test_a_card_without_series_is_said(found: Comparison) -> None:
    assert found.notes == ["void@recording: no series"]
    assert found.about[0].startswith("1 card on 3 series")


def test_what_is_masked_then_is_no_failure_of_anybody(tmp_path: Path) -> None:
    """The sudden one goes beyond its limit at 02:25; at that time it is in maintenance."""
    recorded(tmp_path / "rec")
    (tmp_path / "cards").mkdir()
    write_card(tmp_path / "cards")
    mask = {"kind": "cron", "cron": "0 2 * * *", "for": "1h", "match": ['entity="jump"']}
    sources = {"day": {"kind": "recording", "path": str(tmp_path / "rec")}}
    config = {"sources": sources, "cards": ["cards"], "masks": {"work": mask}}
    (tmp_path / "aiops.yaml").write_text(json.dumps(config))
    done = compare(Question(tmp_path / "aiops.yaml", None, (), START, END), tmp_path / "kept")
    by_method = {one.told.method: one for one in done.lines}
    assert [by_method["aiops"].count(verdict) for verdict in ("hit", "false", "missed")] == [1, 0, 0]
    assert [by_method["static"].count(verdict) for verdict in ("late", "false", "missed")] == [1, 0, 0]


def test_a_source_that_is_away_is_an_error(tmp_path: Path) -> None:
    config = {"sources": {"p": {"kind": "prometheus", "url": "http://127.0.0.1:9", "limits": {"seconds": "1s"}}}}
    (tmp_path / "aiops.yaml").write_text(json.dumps(config))
    asked = Question(tmp_path / "aiops.yaml", None, (str(write_card(tmp_path)),), START, END)
    with pytest.raises(SourceError, match="unreachable"):
        compare(asked, tmp_path / "kept")


def test_incidents_come_as_one_document_or_one_a_line(tmp_path: Path) -> None:
    one, two = ({"id": i, "started_at": START, "labels": {"a": "b"}} for i in "12")
    for content in (json.dumps({"incidents": [one, two]}), json.dumps(one) + "\n" + json.dumps(two) + "\n"):
        (tmp_path / "i.json").write_text(content)
        assert [i.id for i in declared_in(tmp_path / "i.json", END)] == ["1", "2"]
    assert declared_in(None, END) == []


@pytest.mark.parametrize("content", ["nonsense", '{"started_at": "soon"}', None])
def test_a_file_of_incidents_that_is_none_is_a_mistake(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "i.json").write_text(content)
    with pytest.raises(FileError):
        declared_in(tmp_path / "i.json", END)
