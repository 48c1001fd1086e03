"""What watches have in common: one decides at a time, what failed is unkept, what was told is counted by how loud it was."""

from __future__ import annotations

import threading

import pytest

from aiops.pipeline.floor import Floor
from tests.early_warnings.test_episode import opened
from tests.pipeline.made import World, anomaly_card, watch_of


def test_one_watch_decides_at_a_time() -> None:
    floor, watch, inside, most = Floor(), watch_of(World(), anomaly_card()), [0], [0]

    def decide() -> None:
        for _ in range(200):
            with floor.taken(watch):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (inside, most) == ([0], [1])


def test_what_is_raised_leaves_a_watch_unkept_until_it_decides_again() -> None:
    floor, watch = Floor(), watch_of(World(), anomaly_card())

    def fails() -> None:
        with floor.taken(watch):
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert floor.unkept == {watch.name}
    with floor.taken(watch):
        pass
    assert floor.unkept == set()


def test_what_is_quieter_takes_no_place_and_what_is_old_is_forgotten() -> None:
    floor = Floor()
    assert not floor.knows
    floor.recall([opened().having(stage="page", opened_s=100), opened().having(stage="page", opened_s=100, cause="x")])
    floor.note(200.0, "shadow")
    floor.note(300.0, "ticket")
    assert [floor.told(50.0, stage) for stage in ("shadow", "ticket", "page")] == [3, 2, 1]
    assert [floor.told(250.0, stage) for stage in ("shadow", "ticket", "page")] == [1, 1, 0]


def test_labels_are_counted_anew_when_series_come() -> None:
    floor, watch = Floor(), watch_of(World(), anomaly_card())
    for n in range(3):
        watch.window.rows_for([{"instance": f"h{n}", "rack": "r"}])
        watch.grow()
        assert floor.crowd(watch)["rack", "r"] == n + 1
