"""What is kept between two lives: taken up where it fits, learnt anew where it is lost, damaged or another's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.models.state_files import save_state
from aiops.pipeline import Watch, keep, turn
from aiops.pipeline.forget import keep_only
from aiops.pipeline.sense import live_again
from aiops.store import Store
from tests.daemon.rig import calm
from tests.pipeline.made import START_S, STEP_S, World, anomaly_card, rooms_of, watch_of

BEGUN, SAVED, KILLED, BACK = (START_S + h * 3600 + 1800 for h in (29, 30, 31, 32))
"""At 20 min to the hour, when nothing is excluded."""
EXCLUDED = anomaly_card(exclude=[{"cron": "0 * * * *", "for": "20m"}])


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def world() -> World:
    found = World()
    for i in range(3):
        found.add("load", {"instance": f"i{i}"}, calm(0.2 * (i + 1)))
    return found


def turns(watch: Watch, store: Store, first: int, last: int) -> None:
    rooms = rooms_of(store)
    for now in range(first, last + 1, STEP_S):
        turn(watch, now, rooms)


def resumed(store: Store, folder: Path, damage: Callable[[Path], object] = lambda _: None) -> Watch:
    """A life saved at SAVED and killed at KILLED; the next one sees the damage and lives until BACK."""
    first = watch_of(world(), EXCLUDED, folder=folder)
    turns(first, store, BEGUN, SAVED)
    keep.save(first, folder)
    turns(first, store, SAVED + STEP_S, KILLED)
    del first
    damage(folder)
    second = watch_of(world(), EXCLUDED, folder=folder)
    keep.restore(second, store, folder)
    turns(second, store, BACK, BACK)
    return second


def undisturbed() -> Watch:
    store = Store.open("sqlite://", None)
    watch = watch_of(world(), EXCLUDED)
    turns(watch, store, BEGUN, BACK)
    store.close()
    return watch


def test_killed_and_resumed_scores_as_undisturbed(store: Store, tmp_path: Path) -> None:
    after, never = resumed(store, tmp_path), undisturbed()
    assert after.losses == {}
    assert np.isfinite(never.last_p).all()
    np.testing.assert_array_equal(after.last_p, never.last_p)
    for name, array in never.detector_state.items():
        np.testing.assert_array_equal(after.detector_state[name], array, name)


def one_bit(folder: Path) -> None:
    (file,) = (folder / "state").rglob("*.npz")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def newer(folder: Path) -> None:
    (note,) = (folder / "state").rglob("*.json")
    note.write_text(note.read_text().replace('"version":2', '"version":3'))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "lost": lambda folder: shutil.rmtree(folder / "state"),
    "one bit": one_bit,
    "a newer version": newer,
    "another model": lambda folder: save_state(
        folder / "state" / "strange@made", "learnt", {"detector.other": np.zeros(3)}, {"card": "strange"}
    ),
}


@pytest.mark.parametrize("how", sorted(DAMAGE))
def test_damaged_state_is_learnt_anew_from_the_window_and_says_why(store: Store, tmp_path: Path, how: str) -> None:
    after = resumed(store, tmp_path, DAMAGE[how])
    assert set(after.losses) == {"learnt"}
    assert after.progress() > 0.5, "the window's six hours are learnt again, without what is excluded"
    turns(after, store, BACK + STEP_S, BACK + 2 * 3600)
    assert np.isfinite(after.last_p).all()


def test_what_is_excluded_is_not_learnt_anew_either(store: Store, tmp_path: Path) -> None:
    first = watch_of(world(), EXCLUDED, folder=tmp_path)
    turns(first, store, SAVED, SAVED)
    keep.save(first, tmp_path)
    shutil.rmtree(tmp_path / "state")
    second = watch_of(world(), EXCLUDED, folder=tmp_path)
    keep.restore(second, store, tmp_path)
    columns = second.window.fine_count
    assert second.detector_state["count"].tolist() == [columns * 2 // 3] * 3, "20 min of each hour are excluded"


def test_a_card_that_was_changed_learns_anew(store: Store, tmp_path: Path) -> None:
    first = watch_of(world(), EXCLUDED, folder=tmp_path)
    turns(first, store, SAVED, SAVED)
    keep.save(first, tmp_path)
    other = watch_of(world(), EXCLUDED, folder=tmp_path)
    other.card._sha = "another"
    keep.restore(other, store, tmp_path)
    assert "another sha" in other.losses["learnt"]


def test_everything_lost_is_a_first_start(store: Store, tmp_path: Path) -> None:
    after = resumed(store, tmp_path, lambda folder: [shutil.rmtree(folder / name) for name in ("state", "windows")])
    assert after.n == 3
    np.testing.assert_allclose(after.last_p, undisturbed().last_p)


def test_rows_that_were_numbered_anew_are_saved_at_once_and_known_after_a_kill(store: Store, tmp_path: Path) -> None:
    watch = watch_of(world(), EXCLUDED, folder=tmp_path)
    keep.restore(watch, store, tmp_path)
    turns(watch, store, SAVED, SAVED)
    keep.save(watch, tmp_path)
    assert [keep.due(watch, since) for since in (0.0, keep.SAVE_EVERY_S)] == [False, True]
    keep_only(watch, np.array([0, 2]))
    turns(watch, store, SAVED + STEP_S, SAVED + STEP_S)
    assert keep.due(watch, 0.0)
    keep.save(watch, tmp_path)
    assert not keep.due(watch, 0.0)
    turns(watch, store, SAVED + 2 * STEP_S, KILLED)
    again = watch_of(world(), EXCLUDED, folder=tmp_path)
    keep.restore(again, store, tmp_path)
    live_again(again)
    assert again.losses == {}
    for name, array in watch.detector_state.items():
        np.testing.assert_array_equal(again.detector_state[name], array, name)
