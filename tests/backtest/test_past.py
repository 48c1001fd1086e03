"""What is read of a source's past: once, whole, and never anything of later than is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest import past
from aiops.backtest.past import PastSource
from aiops.core.errors import SourceError
from aiops.telemetry.source import Answer, ReadLimits
from tests.daemon.rig import START_S, WORLDS, MadeParams, MadeSource, World, calm, falling

END_S = START_S + 6000


class Server(MadeSource):
    """A source that does not know since when it has anything, answers several queries at once, and has caps."""

    concurrent = True

    def __init__(self, most: int = 10**9) -> None:
        WORLDS["past"] = World()
        super().__init__("server", MadeParams(world="past"), ReadLimits())
        self.most = most

    def oldest_s(self) -> int | None:
        return None

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        found = super().fetch(query.removeprefix("count(").removesuffix(")"), start_s, end_s, step_s, unit)
        if found.block.values.size > self.most:
            raise SourceError(self.name, "too_many_points", "too many")
        return found


def young(t: np.ndarray) -> np.ndarray:
    return np.where(t >= START_S + 3000, 1.0, np.nan)


@pytest.fixture
def server() -> Server:
    found = Server()
    found.world.add("free", {"i": "late"}, young)
    found.world.add("free", {"i": "a"}, falling(0.001))
    found.world.add("free", {"i": "b"}, calm())
    return found


def test_it_says_what_the_source_says_and_asks_it_once(server: Server, tmp_path: Path) -> None:
    source = PastSource(server, tmp_path, START_S - 86400, END_S)
    whole = source.fetch("free", START_S, END_S, 60).block
    asked = len(server.world.asked)
    direct = server.fetch("free", START_S, END_S, 60).block
    rows = [whole.labels.index(one) for one in direct.labels]
    np.testing.assert_array_equal(whole.values[rows], direct.values)
    for at in range(START_S, END_S, 600):
        source.fetch("free", at, at, 60)
    assert len(server.world.asked) == asked + 1


def test_nothing_is_said_of_a_series_before_its_first_sample(server: Server, tmp_path: Path) -> None:
    source = PastSource(server, tmp_path, START_S, END_S)
    early = source.fetch("free", START_S, START_S + 2940, 60).block
    assert {one["i"] for one in early.labels} == {"a", "b"}
    late = source.fetch("free", START_S + 3000, START_S + 3000, 60).block
    assert {one["i"] for one in late.labels} == {"a", "b", "late"}


def test_the_very_same_label_sets_are_handed_on_while_they_are_the_same(server: Server, tmp_path: Path) -> None:
    source = PastSource(server, tmp_path, START_S, END_S)
    one, other = (source.fetch("free", at, at, 60).block.labels for at in (START_S + 60, START_S + 120))
    assert one is other


def test_a_later_run_over_the_folder_asks_nothing(server: Server, tmp_path: Path) -> None:
    first = PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, END_S, 60).block
    server.world.error = SourceError("server", "unreachable", "away")
    again = PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, END_S, 60).block
    assert again.labels == first.labels
    np.testing.assert_array_equal(again.values, first.values)


def test_where_it_begins_is_asked_once_even_by_later_runs(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "oldest_s", lambda _: START_S)
    assert PastSource(server, tmp_path, 0, END_S).oldest_s() == START_S
    monkeypatch.setattr(Server, "oldest_s", lambda _: 1 // 0)
    assert PastSource(server, tmp_path, 0, END_S).oldest_s() == START_S


def test_what_was_half_read_is_read_again(server: Server, tmp_path: Path) -> None:
    PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, END_S, 60)
    for path in tmp_path.glob("*.json"):
        path.unlink()  # the description comes last: without it nothing is whole
    asked = len(server.world.asked)
    PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, END_S, 60)
    assert len(server.world.asked) > asked


def test_an_answer_that_is_too_large_is_asked_for_in_halves(server: Server, tmp_path: Path) -> None:
    server.most = 40
    found = PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, END_S, 60).block
    assert found.values.shape == (3, 101)
    assert np.isfinite(found.values).sum() == 101 + 101 + 51


def test_chunks_add_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "CHUNK_SAMPLES", 21)
    shares: list[float] = []
    source = PastSource(server, tmp_path, START_S, END_S)
    assert np.isfinite(source.kept("free", 60, shares.append).values).sum() == 253
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_server_is_not_asked_for_weeks_that_it_does_not_have(server: Server, tmp_path: Path) -> None:
    source = PastSource(server, tmp_path, START_S - 30 * 86400, END_S)
    source.kept("free", 60)
    assert START_S - 7200 < source.oldest_s() <= START_S
    assert min(a for q, a, b, step in server.world.asked if step == 60 and b > a) > START_S - 7200


def test_a_source_that_is_away_is_an_error(server: Server, tmp_path: Path) -> None:
    server.world.error = SourceError("server", "unreachable", "away")
    with pytest.raises(SourceError, match="away"):
        PastSource(server, tmp_path, START_S, END_S).fetch("free", START_S, START_S, 60)


def test_a_query_without_series_has_none(server: Server, tmp_path: Path) -> None:
    assert PastSource(server, tmp_path, START_S, END_S).fetch("nothing", START_S, END_S, 60).block.values.shape == (0, 101)


def test_what_the_source_warned_of_is_kept_to_be_told(server: Server, tmp_path: Path) -> None:
    server.world.partial = ("a store is away",)
    source = PastSource(server, tmp_path, START_S, END_S)
    source.kept("free", 60)
    assert list(source.notes) == ["a store is away"]
