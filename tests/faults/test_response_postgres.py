"""Two daemons on one PostgreSQL: nobody takes the lease while a decision is under way, and who slept decides nothing more.

Writers also queue for a lock of the whole database. Where the second one does not, as another program might, what holds is the
lock on the lease alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aiops.store import Store, responses
from aiops.store.postgres import begin_writing
from aiops.store.response_rows import Decision
from aiops.store.responses import Responses
from tests.faults.response_mutants import BY_TWO_CONNECTIONS, MUTANTS
from tests.faults.test_response_pauses import slept
from tests.postgres import Server
from tests.postgres import postgres as postgres
from tests.responses.actions.samples import until
from tests.store.test_responses import CHARGE, NOW, RUN

MOVES: dict[str, Callable[[Responses], bool]] = {
    "decide": lambda runs: runs.decide(Decision(RUN, "running", "why"), 1, NOW),
    "charge": lambda runs: runs.charge(CHARGE, 0.0, lambda found: Decision(RUN, "guarded", ""), 1, NOW),
    "begin": lambda runs: runs.begin(replace(RUN, id="r2", key="k2"), [], (), 1, NOW),
}
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
POINTS = 25


@dataclass
class Race:
    """What came of it: whether the old holder's decision was kept, whether the lease was taken before that, its new epoch."""

    kept: bool = False
    taken_before: bool = False
    epoch: int | None = None


def raced(server: Server, folder: Path, move: Callable[[Responses], bool], queues: bool) -> Race:
    """The holder decides, and stops before it commits; meanwhile another takes the lease, or waits."""
    url, found = server.database(), Race()
    with ExitStack() as held:
        old = held.enter_context(closing(Store.open(url, folder)))
        new = held.enter_context(closing(Store.open(url, None, alone=False)))
        watching = held.enter_context(closing(server.connection(str(sa.make_url(url).database))))
        runs = Responses(old)
        assert runs.take_lease("old", 15.0, NOW) == 1
        assert runs.begin(RUN, [], (), 1, NOW)
        if not queues:
            sa.event.remove(new._writer, "begin", begin_writing)
        stopped, go = threading.Event(), threading.Event()
        old.transaction = stops_before_commit(old.transaction, stopped, go)  # type: ignore[method-assign]
        threads = [
            threading.Thread(target=lambda: setattr(found, "kept", move(runs))),
            threading.Thread(target=lambda: setattr(found, "epoch", Responses(new).take_lease("new", 15.0, NOW, at_once=True))),
        ]
        threads[0].start()
        assert stopped.wait(60)
        threads[1].start()
        until(lambda: not threads[1].is_alive() or watching.execute(WAITS).fetchone() != (0,))
        found.taken_before = not threads[1].is_alive()
        go.set()
        for thread in threads:
            thread.join(60)
    return found


def stops_before_commit(real: Callable[[], Any], stopped: threading.Event, go: threading.Event) -> Callable[[], Any]:
    @contextmanager
    def transaction() -> Iterator[Any]:
        with real() as tx:
            yield tx
            stopped.set()
            assert go.wait(60)

    return transaction


@pytest.mark.parametrize("queues", [True, False])
@pytest.mark.parametrize("move", MOVES)
def test_nobody_takes_the_lease_while_a_decision_is_under_way(postgres: Server, tmp_path: Path, move: str, queues: bool) -> None:
    assert raced(postgres, tmp_path, MOVES[move], queues) == Race(kept=True, taken_before=False, epoch=2)


@pytest.mark.usefixtures("as_shipped")
@pytest.mark.parametrize("mutant", BY_TWO_CONNECTIONS)
@pytest.mark.parametrize("move", MOVES)
def test_a_mutant_is_caught(postgres: Server, tmp_path: Path, move: str, mutant: str) -> None:
    MUTANTS[mutant]()
    assert raced(postgres, tmp_path, MOVES[move], queues=False) == Race(kept=True, taken_before=True, epoch=2)


@pytest.mark.parametrize("at", [pytest.param(at, marks=() if at % 8 == 3 else pytest.mark.long) for at in range(POINTS)])
def test_whenever_it_sleeps_it_does_nothing_more_when_it_wakes(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(responses, "_now_ms", lambda tx, now_s: int(now_s * 1000))  # a lease ends by the clock of this world
    wrongs, passed = slept(tmp_path / "one", at, postgres.database())
    assert (wrongs, passed > at) == ([], True)
