"""Forecasts as they are recorded and played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.backtest import shares
from aiops.backtest.question import BadQuestion, Question, close, read_all, rooms_of
from aiops.backtest.shares import path_of, work
from aiops.backtest.tape import FORMAT, Player, Recorder
from aiops.core.records import History, Limit, Resolution
from aiops.models import spread
from aiops.models.combined import Combined, CombinedParams
from aiops.pipeline import Watch
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START
from tests.models.hours import NOW, history_of

END = START + DAYS * DAY - STEP
BEGIN = END - DAY


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Question:
    folder = tmp_path_factory.mktemp("tape")
    return Question(None, recorded(folder / "rec"), (str(write_card(folder)),), BEGIN, END)


@pytest.fixture(scope="module")
def tapes(asked: Question, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two shares of the last day."""
    folder = tmp_path_factory.mktemp("tapes")
    for share in (0, 1):
        work(asked, folder, "disk@recording", BEGIN, share, 2)
    return [path_of(folder, "disk@recording", share, 2) for share in (0, 1)]


@pytest.fixture
def watch(asked: Question, tmp_path: Path) -> Iterator[Watch]:
    rooms = rooms_of(asked, tmp_path)
    (found,) = read_all(rooms, lambda _: None)
    yield found
    close(rooms)


def history(rows: int, now_s: int) -> History:
    nothing = np.zeros((rows, 1), np.float32)
    one = Resolution(300, now_s, nothing, nothing, nothing)
    return History(one, one, one, np.zeros(rows), np.full(rows, now_s), np.full(rows, START))


def test_a_share_asks_the_forecaster_of_its_own_rows_alone(tapes: list[Path]) -> None:
    rows = [set(np.load(path.with_suffix(".npy"))["row"].tolist()) for path in tapes]
    assert all(row % 2 == share for share in (0, 1) for row in rows[share])
    assert rows[0] | rows[1]


def test_what_is_played_is_what_all_shares_recorded(tapes: list[Path], watch: Watch) -> None:
    assert watch.forecaster is not None
    player = Player(watch.forecaster, tapes)
    whole = np.concatenate([np.load(path.with_suffix(".npy")) for path in tapes])
    now = int(whole["look_s"][np.isfinite(whole["times"][:, 1])][0])
    state, limit = player.initial(3), Limit.uniform(3, 1.0, True)
    looked = player.screen(state, np.zeros(3), limit, np.full(3, now))
    rows = np.flatnonzero(looked)
    assert rows.tolist() == sorted(whole["row"][whole["look_s"] == now].tolist())
    found = player.crossings({"row": rows}, history(len(rows), now), limit.take(rows), 1.0)
    for i, row in enumerate(rows.tolist()):
        (mine,) = whole[(whole["look_s"] == now) & (whole["row"] == row)]
        np.testing.assert_array_equal(found.time_s[i], mine["times"])
        assert found.slope[i] == mine["slope"] or np.isnan(mine["slope"])
    assert any("limit" in str(reason) for reason in found.reason)


def test_a_row_that_nobody_recorded_is_an_error_and_no_silence(tapes: list[Path], watch: Watch) -> None:
    assert watch.forecaster is not None
    player = Player(watch.forecaster, tapes[:1])
    with pytest.raises(KeyError):
        player.crossings({"row": np.array([1])}, history(1, END), Limit.uniform(1, 1.0, True), 1.0)


@pytest.mark.parametrize(("left", "found"), [
    (b"[]", "is of an older format, which had no number"), (b'{"format": 1, "reasons": []}', "is of format 1"),
    (b'{"form', "is not whole"),
])  # fmt: skip
def test_what_another_build_recorded_is_refused_by_name(
    left: bytes, found: str, asked: Question, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "work", None)  # nothing is recorded before it is refused
    mine = path_of(tmp_path, watch.name, 0, 2)
    mine.write_bytes(left)
    with pytest.raises(BadQuestion) as refused:
        shares.recorded(asked, tmp_path, [watch], BEGIN, 2, lambda _: None)
    assert str(refused.value).startswith(f"{mine} {found}")
    assert str(refused.value).endswith("from what was read, or give another folder")
    assert (f"this aiops reads format {FORMAT};" in str(refused.value)) == left.endswith((b"]", b"}"))


def test_rows_have_their_turn_at_the_same_look_whatever_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "budget", lambda step_s: 8)
    n, limit = 40, Limit.uniform(40, 120.0, True)
    y = np.arange(100.0) + np.arange(n)[:, None] / n

    def lived(shares: int) -> set[tuple[int, int, bytes]]:
        found = set()
        for share in range(shares):
            model = Recorder(Combined(CombinedParams(), 5), share, shares)
            state = model.initial(n)
            model.named(state, [f"row {i}" for i in range(n)])
            for now in range(NOW, NOW + 50, 5):
                rows = np.flatnonzero(model.screen(state, y[:, -1], limit, np.full(n, now)))
                some = {name: array[rows] for name, array in state.items()}
                told = model.crossings(some, history_of(y[rows], now=now), limit.take(rows), 5.0 * DAY)
                found |= {(now, row, told.time_s[i].tobytes()) for i, row in enumerate(rows.tolist())}
                for name, array in some.items():
                    state[name][rows] = array
        return found

    alone = lived(1)
    assert 0 < sum(now == NOW for now, *_ in alone) < n
    assert {row for _, row, _ in alone} == set(range(n))
    assert lived(3) == alone
