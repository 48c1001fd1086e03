"""Where a backtest keeps its work, and when what is there may be taken up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiops.backtest.keeping import kept_in, resolved, span_of
from aiops.backtest.question import BadQuestion, Question
from aiops.core.errors import FileError, SourceError
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START


@pytest.fixture
def asked(tmp_path: Path) -> Question:
    return Question(None, recorded(tmp_path / "rec"), (str(write_card(tmp_path)),))


def test_of_a_recording_everything_is_replayed_unless_somebody_says_less(asked: Question, tmp_path: Path) -> None:
    assert asked.data is not None
    assert span_of(asked.data) == (START, START + DAYS * DAY - STEP)
    end = START + DAYS * DAY - STEP
    for name, span, wanted in (("whole", ("", ""), (START, end)), ("last", ("1d", ""), (end - DAY, end))):
        (tmp_path / name).mkdir()
        found = resolved(asked, span, 0.0, tmp_path / name)
        assert (found.since_s, found.until_s) == wanted


def test_of_sources_the_last_thirty_days_are_until_now(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text('{"sources": {"p": {"kind": "prometheus", "url": "http://127.0.0.1:9"}}}')
    found = resolved(Question(tmp_path / "aiops.yaml", None), ("", ""), 100.0 * DAY, tmp_path)
    assert (found.since_s, found.until_s) == (70 * DAY, 100 * DAY)


def test_what_was_begun_goes_on_with_the_time_it_had(asked: Question, tmp_path: Path) -> None:
    first = resolved(asked, ("1d", ""), 0.0, tmp_path)
    assert resolved(asked, ("1d", ""), 10.0**9, tmp_path) == first


@pytest.mark.parametrize("change", ["card", "data", "span"])
def test_another_card_recording_or_time_is_another_backtest(change: str, asked: Question, tmp_path: Path) -> None:
    resolved(asked, ("", ""), 0.0, tmp_path)
    span = ("", "1d") if change == "span" else ("", "")
    if change == "card":
        write_card(tmp_path, summary="Another one.")
    if change == "data":
        recorded(tmp_path / "rec", days=1)
    with pytest.raises(BadQuestion, match="another backtest"):
        resolved(asked, span, 0.0, tmp_path)


def test_what_another_version_began_is_not_gone_on_with(
    asked: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved(asked, ("", ""), 0.0, tmp_path)
    monkeypatch.setattr("aiops.backtest.keeping.__version__", "9.9")
    with pytest.raises(BadQuestion, match=r"another backtest, which aiops .* began and this is 9\.9"):
        resolved(asked, ("", ""), 0.0, tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"asked": 7}', '{"asked": {}, "since_s": null, "until_s": 1}'])
def test_a_folder_whose_question_is_not_whole_is_refused(content: str, asked: Question, tmp_path: Path) -> None:
    (tmp_path / "question.json").write_text(content)
    with pytest.raises(BadQuestion, match="not whole"):
        resolved(asked, ("", ""), 0.0, tmp_path)


def test_a_file_of_incidents_that_is_not_there_is_a_mistake(asked: Question, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.json.*cannot be read"):
        resolved(replace(asked, incidents=tmp_path / "none.json"), ("", ""), 0.0, tmp_path)


def test_a_recording_that_is_not_there_is_said(asked: Question, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        resolved(replace(asked, data=tmp_path / "nowhere"), ("", ""), 0.0, tmp_path)


def test_without_a_folder_nothing_is_left_behind(tmp_path: Path) -> None:
    with kept_in(None) as made:
        assert made.is_dir()
    assert not made.exists()
    with kept_in(tmp_path / "kept") as chosen:
        assert chosen == tmp_path / "kept"
    assert chosen.is_dir()


def test_a_folder_that_cannot_be_made_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError), kept_in(tmp_path / "file" / "kept"):
        pass
