"""What was called wrong is not told for a while: said with its end, told when it is worse, taken back by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiops.outcomes.feedback import HUSHING
from aiops.pipeline.changes import Changes
from aiops.pipeline.desk import Desk, Unsaid
from aiops.pipeline.hush import Hush, hush_of, take
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch
from aiops.store import Statement, Store
from aiops.store.about import messages_about
from tests.daemon.rig import START_S, Rig, card, falling
from tests.notify.samples import OPENED_S, closed, memory, warning
from tests.pipeline.test_tell import rooms

UNTIL_S = OPENED_S + 3600.0
HUSH = Hush(UNTIL_S, "warning", "ann", warning().id)


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        with found.transaction() as tx:
            tx.put_warning(warning())
        yield found


@pytest.mark.parametrize("word", HUSHING)
def test_a_word_that_calls_it_wrong_hushes_its_series_for_a_stated_time(store: Store, word: Any) -> None:
    said = Desk(store, hush_s=600.0).feedback(warning().id, word, "ann", OPENED_S)
    hush = hush_of(store, warning(id="another", opened_s=OPENED_S + 60), OPENED_S + 100)
    assert hush == Hush(OPENED_S + 600.0, "warning", "ann", warning().id)
    assert said.body["hush_until_s"] == OPENED_S + 600.0
    assert store.ledger_rows(1)[0].detail["hush_until_s"] == OPENED_S + 600.0
    assert hush_of(store, warning(), OPENED_S + 600.0) is None
    assert hush_of(store, warning(fingerprint="other"), OPENED_S + 100) is None
    assert str(hush) == "nothing is told of this series until 2026-03-02T08:20:00Z, unless it becomes worse than warning"


@pytest.mark.parametrize("word", ["useful", "late", "early", "duplicate", "wrong_target"])
def test_other_words_hush_nothing(store: Store, word: Any) -> None:
    assert "hush_until_s" not in Desk(store).feedback(warning().id, word, "ann", OPENED_S).body
    assert hush_of(store, warning(), OPENED_S) is None


def test_nothing_is_hushed_where_the_configuration_says_so(store: Store) -> None:
    Desk(store, hush_s=0.0).feedback(warning().id, "noise", "ann", OPENED_S)
    assert hush_of(store, warning(), OPENED_S) is None


@pytest.mark.parametrize("back", ["unhush", "useful"])
def test_anybody_takes_it_back(store: Store, back: str) -> None:
    desk = Desk(store)
    desk.feedback(warning().id, "noise", "ann", OPENED_S)
    if back == "useful":
        desk.feedback(warning().id, "useful", "bob", OPENED_S + 60)
    else:
        desk.unhush(warning().id, "bob", OPENED_S + 60)
        assert (store.ledger_rows(1)[0].actor, store.ledger_rows(1)[0].action) == ("bob", "said.unhush")
    assert hush_of(store, warning(), OPENED_S + 61) is None
    with pytest.raises(Unsaid, match="nothing is hushed"):
        desk.unhush(warning().id, "bob", OPENED_S + 62)


def test_statements_of_earlier_builds_hush_nothing() -> None:
    hushes: dict[str, Hush] = {}
    take(hushes, Statement("feedback", "c", "k", "w", 1.0, "ann", {"word": "noise", "note": ""}))
    assert hushes == {}


def told(event: Any, about: Any, now_s: float) -> list[str]:
    with memory() as store:
        found = rooms(store)
        found.hushes = {warning().fingerprint: HUSH}
        changes = Changes(about.card, "host", int(now_s))
        changes.event(event, about)
        bare = SimpleNamespace(step_s=30, card=SimpleNamespace(challenges=False, impact=""), open={}, causes={}, pending={})
        tell(cast(Watch, bare), int(now_s), found, changes)
        return [row.payload["event"] for row in changes.outbox]


@pytest.mark.parametrize("event", ["opened", "updated", "worsened"])
def test_what_is_hushed_is_not_told_unless_it_is_worse(event: str) -> None:
    assert told(event, warning(told_s=OPENED_S), UNTIL_S - 60) == []
    assert told(event, warning(told_s=OPENED_S, severity="critical"), UNTIL_S - 60) != []
    assert told(event, warning(told_s=OPENED_S, fingerprint="other"), UNTIL_S - 60) != []


def test_the_end_of_what_was_told_is_told_all_the_same() -> None:
    assert told("closed", closed(int(UNTIL_S) - 60, told_s=OPENED_S), UNTIL_S - 60) == ["closed", "closed"]


def test_what_is_open_when_it_is_over_and_nobody_was_told_of_is_told_then() -> None:
    assert told("updated", warning(told_s=None), UNTIL_S) == ["opened", "opened"]
    assert told("updated", warning(told_s=OPENED_S), UNTIL_S) == ["updated"]


def test_a_running_daemon_hears_it_and_keeps_it_over_a_restart(rig: Rig) -> None:
    rig.more = {
        "receivers": {"hook": {"kind": "webhook", "url": "http://127.0.0.1:9/"}},
        "routes": [{"receiver": "hook", "repeat": "10m"}], "stages": {"disk": "ticket"},
    }  # fmt: skip
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    one = daemon.store.open_warnings()[0]
    Desk(daemon.store, hush_s=2400.0).feedback(one.id, "noise", "ann", rig.clock.now)
    for restart in (False, True):
        if restart:
            rig.stop()
            daemon = rig.start()
        for _ in range(3):
            rig.at(rig.clock.now - START_S + 300)
            rig.turn()
        assert events(daemon.store, one.id) == ["opened"]
    for _ in range(4):
        rig.at(rig.clock.now - START_S + 300)
        rig.turn()
    assert set(events(daemon.store, one.id)[1:]) == {"repeated"}


def events(store: Store, one: str) -> list[str]:
    return [message.event for message in messages_about(store, one)]
