"""What is known after a kill, at whatever turn it comes, is what is known without one: to the bit, and without asking again.

Between two saves a turn keeps what it took in; the turns are lived again from that. The watch is compared as a whole: state of
detector, budget, forecaster and guards, crossings, the newest scores, how far each row has come.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from aiops.core.records import Crossings
from aiops.models.card import ModelCard
from aiops.pipeline import StoreJournal, Watch, keep, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.sense import live_again
from aiops.store import Store
from aiops.telemetry.intake import Intake
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits
from aiops.telemetry.window import Window
from tests.daemon.rig import WORLDS, MadeParams, MadeSource, World, calm, card, falling
from tests.pipeline.made import START_S, rooms_of

STEP_S, SAVE_EVERY, TURNS = 60, 7, 24
FIRST_S = START_S // 300 * 300 + 26 * 3600
SKIPPED = (4, 5, 16)
"""Turns that never were: the daemon was late."""
CARD = ModelCard.model_validate(
    card("both", "free", step="1m", history="1d", detect={"model": "seasonal"}, guards={"persistence": "3/5"})
)


class Live(MadeSource):
    """Has only what happens from now on, as this host has."""

    keeps_past: ClassVar[bool] = False

    def oldest_s(self) -> int | None:
        return FIRST_S


KINDS = pytest.mark.parametrize("kind", [MadeSource, Live], ids=["server", "host"])


def world() -> World:
    """Series that fall, stay, come later, and jump."""
    found = WORLDS["hot"] = World(begins_s=FIRST_S - 30 * 3600)
    found.add("free", {"instance": "falls"}, falling(0.0004))
    found.add("free", {"instance": "calm"}, calm())
    late, jumps = FIRST_S + 9 * STEP_S, FIRST_S + 11 * STEP_S
    found.add("free", {"instance": "late"}, lambda t: np.where(t > late, calm(0.3)(t), np.nan))
    found.add("free", {"instance": "jumps"}, lambda t: calm(0.7)(t) - 0.5 * ((t > jumps) & (t % 240 < 120)))
    return found


def born(folder: Path, store: Store, kind: type[MadeSource]) -> Watch:
    """The watch as a new life finds it."""
    link = Link(kind("made", MadeParams(world="hot"), ReadLimits()), pause_s=0.0)
    watch = make_watch(CARD, [link], STEP_S, folder)
    keep.restore(watch, store, folder)
    return watch


def lived(folder: Path, kind: type[MadeSource]) -> Generator[tuple[int, Watch], None, None]:
    """One life without a kill: (turn, the watch after it)."""
    store = Store.open("", folder)
    watch, rooms = born(folder, store, kind), rooms_of(store)
    try:
        for n in (n for n in range(TURNS + 1) if n not in SKIPPED):
            assert turn(watch, FIRST_S + n * STEP_S, rooms).error is None
            if n % SAVE_EVERY == 0:
                keep.save(watch, folder)
            yield n, watch
    finally:
        store.close()


def known(watch: Watch) -> dict[str, Any]:
    """Everything that a later turn may depend on."""
    out: dict[str, Any] = {"labels": list(watch.window.labels), "lived": watch.lived_s}
    states = {
        "detector": watch.detector_state, "budget": watch.budget_state, "forecaster": watch.forecaster_state,
        "beyond": watch.beyond, "dispute": watch.dispute, "refusal": watch.refusal,
    } | {f"gate {kind}": gate for kind, gate in watch.gates.items()}  # fmt: skip
    out |= {f"{part}.{name}": array for part, state in states.items() for name, array in state.items()}
    for name in ("crossings", "held"):
        one = getattr(watch, name)
        assert isinstance(one, Crossings)
        out |= {f"{name}.{part}": getattr(one, part) for part in ("time_s", "confidence", "slope", "window_s", "reason")}
    out |= {name: getattr(watch, name) for name in ("last_p", "last_expected", "last_lower", "last_upper", "seen_s")}
    window = watch.window.newest(watch.window.fine_count - 1)[1]  # the place of the oldest column is that of the next turn
    return out | {"window": window, "open": watch.open}


def differences(found: Watch, wanted: Watch) -> list[str]:
    a, b = known(found), known(wanted)
    assert list(a) == list(b)
    return [name for name, one in b.items() if not np.array_equal(a[name], one, equal_nan=_floats(one))]


def _floats(one: Any) -> bool:
    return isinstance(one, np.ndarray) and one.dtype.kind == "f"


def after_a_kill(folder: Path, kind: type[MadeSource], asked: list[Any]) -> Watch:
    """The watch of the next life, in a copy of the files as they are now; no source was asked meanwhile."""
    copy, before = folder.with_name("copy"), len(asked)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    store = Store.open("", copy)
    watch = born(copy, store, kind)
    live_again(watch)
    store.close()
    assert asked[before:] == []
    return watch


@KINDS
def test_killed_after_any_turn_all_is_known_and_no_source_asked(tmp_path: Path, kind: type[MadeSource]) -> None:
    asked = world().asked
    for n, watch in lived(tmp_path / "data", kind):
        if n:
            assert differences(after_a_kill(tmp_path / "data", kind, asked), watch) == [], n
    assert watch.open or kind is Live, "something was to be known"


class Killed(BaseException):
    """The end of a process."""


def dying(*_: Any) -> None:
    raise Killed


PLACES: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "between state and window": (Window, "save", dying),
    "between window and intake": (Intake, "begin", dying),
}


@pytest.mark.parametrize("place", PLACES)
@KINDS
def test_killed_while_it_saves_all_is_known(
    tmp_path: Path, kind: type[MadeSource], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = world().asked
    for n, watch in lived(tmp_path / "data", kind):
        if n in (9, 12, 20):  # a series came since the last save; none did
            with monkeypatch.context() as m:
                m.setattr(*PLACES[place])
                with pytest.raises(Killed):
                    keep.save(watch, tmp_path / "data")
            assert differences(after_a_kill(tmp_path / "data", kind, asked), watch) == [], n


@KINDS
def test_killed_before_a_turn_is_decided_the_turn_never_was(
    tmp_path: Path, kind: type[MadeSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = world().asked
    life = lived(tmp_path / "data", kind)
    watch = next(watch for n, watch in life if n == 18)
    wanted = after_a_kill(tmp_path / "data", kind, asked)
    store = Store.open("", tmp_path / "copy")
    with monkeypatch.context() as m:
        m.setattr(StoreJournal, "write", dying)
        with pytest.raises(Killed):
            turn(watch, FIRST_S + 19 * STEP_S, rooms_of(store))
    store.close()
    assert differences(after_a_kill(tmp_path / "data", kind, asked), wanted) == []
    life.close()
