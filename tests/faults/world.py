"""A small world that always goes the same way: a few series, three receivers, and a process that may be killed at any point.

`python -m tests.faults.world` reads orders from stdin (one JSON object a line), forks a child for each, and answers how it
ended and which crash points it passed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aiops import plugins
from aiops.config.settings import Settings
from aiops.core.errors import RetryLater
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.models.card import ModelCard, load_cards
from aiops.notify.interface import Notifier
from aiops.notify.relay import Relay
from aiops.pipeline import assemble, keep, turn
from aiops.store import Store
from aiops.telemetry.source import Answer, Source
from tests.faults.crash import Crash
from tests.faults.forks import obey
from tests.faults.mutants import MUTANTS

STEP_S = 15
T0_S = 1_750_000_200
"""When the first rises begin."""
FIRST_S, LAST_S = T0_S - 2 * STEP_S, T0_S + 54 * STEP_S
SAVE_EVERY_S = 11 * STEP_S
HISTORY_S = 1800

CARD = """\
apiVersion: aiops/v1
kind: ModelCard
name: fills
summary: Something made up fills.
owner: {team: tests}
query: used
unit: "1"
step: 15s
history: 30m
entity: [disk]
forecast: {model: exhaustion, limit: {above: 0.95}, horizon: 6h}
guards: {persistence: 2/3}
stage: ticket
"""


def level(disk: str, at_s: np.ndarray) -> np.ndarray:
    """How full a disk is."""
    t = (at_s - T0_S).astype(float)
    ripple = 0.002 * np.sin(at_s / 40.0)
    if disk == "crosses":
        return np.clip(0.40 + 0.55 * t / 290.0, 0.40, 1.0) + ripple * (t < 0)
    if disk == "stops":  # warned of, withdrawn, false
        return np.clip(0.10 + 0.55 * t / 200.0, 0.10, 0.55) + ripple * (t < 0)
    if disk == "returns":  # warned of, withdrawn: false; crosses later all the same: missed
        return np.where(t > 480, 0.97, np.clip(0.25 + 0.55 * t / 300.0, 0.25, 0.58)) + ripple * (t < 0)
    if disk == "jumps":  # a failure nobody could warn of, over soon, and once more
        return 0.3 + 0.67 * (((t > 200) & (t < 280)) | (t > 500)) + ripple
    if disk == "newcomer":
        return np.where(t > 150, 0.3, np.nan) + ripple
    return 0.3 + 5 * ripple


DISKS = ("calm", "crosses", "stops", "returns", "jumps", "newcomer")


class MadeUp(Source[Params]):
    """The series above, at any instant."""

    Params = Params

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """The columns start … end of the disks that are there."""
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        found = {disk: level(disk, times) for disk in DISKS}
        there = {disk: values for disk, values in found.items() if np.isfinite(values).any()}
        labels = tuple({"disk": disk} for disk in there)
        return Answer(Block(labels, times, np.array(list(there.values())), unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return "made up"

    def oldest_s(self) -> int | None:
        """The first sample."""
        return T0_S - HISTORY_S


class ReceiverParams(Params):
    """Where a receiver writes what it got, and whether it is away now and then."""

    path: Path
    flaky: bool = False


class Receiver(Notifier[ReceiverParams]):
    """Writes every message into its own file, before it says that it has it."""

    Params = ReceiverParams
    renewed: ClassVar[bool] = True
    crash: ClassVar[Crash]

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Take one message."""
        if self.params.flaky and now_s // STEP_S % 3 == 0:
            raise RetryLater("away")
        self.crash.point(f"send {message['event']}")
        line = json.dumps([self.name, dedup_key, message["event"], message["warning"]["id"], message["title"]])
        with self.params.path.open("ab") as file:
            file.write(line.encode() + b"\n")


class Desk(Receiver):
    """A receiver on this machine."""

    local: ClassVar[bool] = True
    renewed: ClassVar[bool] = False


def configuration(folder: Path) -> Settings:
    """The settings of this world, in `folder`."""
    receivers = {
        "pager": {"kind": "receiver", "path": str(folder / "got"), "flaky": True},
        "desk": {"kind": "desk", "path": str(folder / "got")},
    }
    return Settings.model_validate(
        {
            "data_dir": folder / "data", "receivers": receivers,
            "sources": {"made_up": {"kind": "made_up", "step": "15s"}},
            "routes": [{"receiver": name, "continue": True} for name in receivers],
        }
    )  # fmt: skip


def cards() -> list[ModelCard]:
    """The card of this world."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fills.yaml"
        path.write_text(CARD)
        return load_cards([path])


def live(folder: Path, crash: Crash, cards: Sequence[ModelCard]) -> None:
    """Go on from where the clock stands to the end of the world, as the daemon does."""
    settings = configuration(folder)
    clock = folder / "clock"
    first = int(clock.read_text()) if clock.exists() else FIRST_S
    store = Store.open("", settings.data_dir)
    rooms = assemble(settings, cards, [], store, settings.data_dir)
    relay = Relay(store, {name: _notifier(name, settings) for name in settings.receivers})
    crash.install()
    Receiver.crash = crash
    for now in range(first, LAST_S + 1, STEP_S):
        clock.write_text(str(now))
        for watch in rooms.watches:
            if watch.done_until(now):
                continue
            result = turn(watch, now, rooms)
            assert result.error is None, result.error
        relay.run_once(float(now))
        if now == FIRST_S or now % SAVE_EVERY_S == 0:
            for watch in rooms.watches:
                keep.save(watch, settings.data_dir)
    for watch in rooms.watches:
        keep.save(watch, settings.data_dir)
    for later in range(20):
        relay.run_once(float(LAST_S + 1000 * later))
    store.close()


def _notifier(name: str, settings: Settings) -> Receiver:
    kind = plugins.load("notifiers", settings.receivers[name].kind)
    made: Receiver = kind(name, kind.Params.model_validate(settings.receivers[name].params))
    return made


def child(order: dict[str, Any], cards: Sequence[ModelCard]) -> None:
    """One life: to the end of the world, or to its crash point."""
    folder, crash = Path(order["folder"]), Crash(order["at"])
    if order.get("mutant"):
        MUTANTS[order["mutant"]]()
    live(folder, crash, cards)
    (folder / "points.json").write_text(json.dumps(crash.seen))


def main() -> None:
    """Fork a child for every order."""
    warnings.simplefilter("error")
    plugins.BUILT_IN["sources"]["made_up"] = "tests.faults.world:MadeUp"
    plugins.BUILT_IN["notifiers"] |= {"receiver": "tests.faults.world:Receiver", "desk": "tests.faults.world:Desk"}
    made = cards()
    for group, kind in (("detectors", "seasonal"), ("forecasters", "exhaustion")):
        plugins.load(group, kind)
    Store.open("sqlite://", None).close()
    obey(lambda order: child(order, made))


if __name__ == "__main__":
    sys.modules["tests.faults.world"] = sys.modules["__main__"]  # the plug-ins are these very classes
    main()
