"""Do intervals and confidence keep what they promise, before and after they learn from verdicts?

Usage: python benchmarks/interval_coverage.py [--sets llm_aging,alibaba_mem,0-3] [--data DATA] [--bench BENCH] [--keep DIR]
--sets  sets of DATA with capacity_tasks.json (every limit of the tasks becomes a row), and seeds of BENCH's exhaustion corpus,
        perhaps with a module of more kinds: 500-502+exhaustion_fresh
DATA    the folder that holds the sets (default ../shared/data); BENCH the folder with exhaustion.py (default ../shared/bench)

Each set is lived turn by turn as one fleet, by the default forecaster, judged by the law of settlement, and told by what the
verdicts given until then make of it: nothing is known early, and the first warnings are told as the model says them. All series
of a set begin at once, each on its own clock; each step is a fleet of its own. Counted are warnings that told a time and were
hits or late, by what they told first.

  model     the share inside the interval that the model itself said; told: inside the one that was told
  learnt    how many of them opened once 30 had been judged; model and told: the same shares of these alone
  width     of these the median of latest / earliest, as times left, of the model and as told
  settled   hits, late and false ones; came: the share that came true, sure, told: the mean confidence of the model and as told
  brier     mean squared distance of confidence from what came, of the model and (now) as told
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from capacity import write
from exhaustion import HERE, done

from aiops.backtest.lanes import survey
from aiops.backtest.replay import Lane, ReplaySource
from aiops.core.records import CAME, SETTLED, Crossing, Outcome
from aiops.models.card import ModelCard
from aiops.outcomes.scorecard import raw_interval
from aiops.pipeline import BatchJournal, Rooms, Watch, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.calibrations import Calibrations
from aiops.store import Store
from aiops.telemetry.link import Link

LEARNT = 30
TITLES = ("timed", "model", "told", "learnt", "model", "told", "width", "told", "settled", "came", "sure", "told", "brier", "now")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and how many had been given on failures before its warning opened."""

    outcome: Outcome
    known: int


def card(step: int) -> ModelCard:
    return ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "limits", "owner": {"team": "benchmark"}, "query": "replay",
            "summary": "Every series with a limit, by the default forecaster.", "step": f"{step}s",
            "entity": ["entity", "metric"], "forecast": {"model": "exhaustion", "limit": {"above": 1.0}, "horizon": "14d"},
        }
    )  # fmt: skip


def watch_of(lanes: Sequence[Lane], source: ReplaySource) -> Watch:
    watch = make_watch(card(lanes[0].step_s), [Link(source)], lanes[0].step_s, None)
    changes = source.limit_instants()
    watch.shift_s = source.shift_of
    watch.limit_of = lambda _: source.limit_at(source.first_s)
    watch.limit_changes = lambda limit, now: source.limit_at(now) if now in changes else limit
    return watch


def lived(lanes: Sequence[Lane]) -> Iterator[Judged]:
    """The verdicts of lanes of one step, as they are given."""
    source, store = ReplaySource(lanes, limited_only=True), Store.open("sqlite://", None)
    watch = watch_of(lanes, source)
    rooms = Rooms(store, BatchJournal(store), watches=[watch], marks_turns=False, calibrations=Calibrations(store))
    known, opened = 0, dict[str, int]()
    for now in range(source.first_s, source.last_s + 1, source.step_s):
        for event in turn(watch, now, rooms).events:
            if event.kind == "opened" and event.warning is not None:
                opened[event.warning.id] = known
            if event.outcome is not None and event.outcome.warning_id:
                known += event.outcome.failed_s is not None
                yield Judged(event.outcome, opened[event.outcome.warning_id])
    store.close()


def judged(folder: Path) -> list[Judged]:
    """Those of a whole recording."""
    steps: dict[int, list[Lane]] = defaultdict(list)
    for entry in survey(folder).entries:
        if entry.limits:
            steps[entry.step_s].append(entry.load())
    return [one for lanes in steps.values() for one in lived(lanes)]


def inside(said: Crossing | None, one: Outcome) -> bool:
    assert said is not None
    assert one.failed_s is not None
    return said.earliest_s <= one.failed_s <= said.latest_s


def width(said: Crossing | None, one: Outcome) -> float:
    assert said is not None
    assert one.opened_s is not None
    return (said.latest_s - one.opened_s) / max(said.earliest_s - one.opened_s, 1.0)


def measure(name: str, found: list[Judged]) -> str:
    timed = [one for one in found if one.outcome.verdict in CAME and one.outcome.told is not None]
    learnt = [one for one in timed if one.known >= LEARNT]
    cells = []
    for some in (timed, learnt):
        pairs = [(raw_interval(one.outcome), one.outcome.told, one.outcome) for one in some]
        shares = [[inside(said, o) for said, _, o in pairs], [inside(told, o) for _, told, o in pairs]]
        cells += [str(len(some)), *(f"{np.mean(share):.1%}" if share else "-" for share in shares)]
    widths = [[width(said, o) for said, _, o in pairs], [width(told, o) for _, told, o in pairs]]
    cells += [f"{np.median(one):.2f}" if one else "-" for one in widths]
    settled = [one.outcome for one in found if one.outcome.verdict in SETTLED]
    sure = np.array([(o.raw["confidence"], o.raw["told"], o.verdict in CAME) for o in settled]).reshape(-1, 3)
    model, told, came = sure.T
    cells += [str(len(settled)), *(f"{np.mean(one):.0%}" if settled else "-" for one in (came, model, told))]
    cells += [f"{np.mean((one - came) ** 2):.3f}" if settled else "-" for one in (model, told)]
    return f"{name:<26}" + "".join(f"{cell:>8}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = HERE.parent.parent / "shared"
    parser.add_argument("--sets", default="llm_aging,alibaba_mem,0-3")
    parser.add_argument("--data", type=Path, default=shared / "data")
    parser.add_argument("--bench", type=Path, default=shared / "bench")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    print(f"{'':<26}" + "".join(f"{title:>8}" for title in TITLES), flush=True)
    for name in args.sets.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            folder = (args.keep or Path(scratch)) / name
            if not folder.exists():
                make(name, folder, args)
            print(measure(name, judged(folder)), flush=True)


def make(name: str, folder: Path, args: argparse.Namespace) -> None:
    tasks = args.data / name / "capacity_tasks.json"
    if tasks.is_file():
        write(args.data / name, json.loads(tasks.read_text())["tasks"], folder)
        return
    seeds, _, extra = name.partition("+")
    if not (args.bench / "exhaustion.py").is_file() or not seeds.replace("-", "").isdigit():
        sys.exit(f"{name}: neither a set of {args.data} with capacity tasks nor seeds of {args.bench}")
    done(args.bench / "exhaustion.py", folder, "--seeds", seeds, *(["--extra", extra] if extra else []))


if __name__ == "__main__":
    main()
