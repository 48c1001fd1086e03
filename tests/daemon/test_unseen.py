"""What the log says of cards whose query finds no series: once, when the first turns are done, and again after a reload."""

from __future__ import annotations

from typing import Any

import structlog

from aiops.daemon.unseen import EVENT, LACKING
from tests.daemon.rig import Rig, calm, card


def turns(rig: Rig, *names: str, event: str = EVENT) -> list[dict[str, Any]]:
    """What the log says of it during one turn."""
    with structlog.testing.capture_logs() as logs:
        rig.turn(*names)
    return [dict(one) for one in logs if one["event"] == event]


def test_a_card_without_series_is_named_once_when_all_cards_were_looked_at(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    challenged = card("other", "fre", challenger={"forecast": {"model": "exhaustion", "params": {"pending_s": 0}}})
    rig.start(card("disk", "free"), card("typo", "freee"), challenged)
    rig.at(8 * 3600)
    assert turns(rig, "disk@made", "typo@made") == []
    told = turns(rig)
    assert [(one["source"], one["cards"], one["log_level"]) for one in told] == [("made", "other, typo", "warning")]
    rig.at(8 * 3600 + 300)
    assert turns(rig) == []
    assert rig.daemon is not None
    assert rig.daemon.reload() == ""
    rig.daemon._halt()  # its own clock does not tick here
    rig.at(8 * 3600 + 600)
    assert len(turns(rig)) == 1


def test_where_every_card_has_series_nothing_is_said(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    rig.start(card())
    rig.at(8 * 3600)
    assert turns(rig) == []


def test_a_source_that_is_away_has_not_said_that_there_is_nothing(rig: Rig) -> None:
    from aiops.core.errors import SourceError

    rig.world.error = SourceError("made", "unreachable", "refused")
    rig.start(card())
    rig.at(8 * 3600)
    assert turns(rig) == []
    rig.world.error = None
    rig.at(9 * 3600)
    assert len(turns(rig)) == 1


def test_of_a_host_nothing_is_said(rig: Rig) -> None:
    rig.sources = {"host": {"kind": "host"}}
    rig.start(card("typo", "node_memroy_MemAvailable_bytes", step="1m"))
    assert turns(rig) == []
    assert rig.daemon is not None
    assert rig.daemon.board.watches["typo@host"].last_success_s is not None


def test_a_label_of_the_entity_that_no_series_has_is_named(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a", "queue": "q"}, calm())
    rig.start(card("typo", entity=["instance", "queu"]), card("fine", entity=["instance", "queue"]))
    rig.at(8 * 3600)
    told = turns(rig, event=LACKING)
    assert [(one["source"], one["card"], one["label"]) for one in told] == [("made", "typo", "queu")]
    rig.at(8 * 3600 + 300)
    assert turns(rig, event=LACKING) == []
