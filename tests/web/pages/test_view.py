"""One warning as a row of a table; how much is learnt."""

from __future__ import annotations

import pytest

from aiops.pipeline.rules_lost import LOST_S
from aiops.web.pages import view
from aiops.web.pages.view import line
from tests.daemon.rig import Rig, anomaly_card, calm, card
from tests.pipeline.ruled import HOUR
from tests.pipeline.test_rules_lost import GONE_H, lived, the_open, vanishing


@pytest.mark.parametrize(("after_h", "silent"), [(0.0, ""), (LOST_S / HOUR, "30m")])
def test_of_what_is_silent_it_says_so_and_not_that_it_is_overdue(after_h: float, silent: str) -> None:
    run = lived(vanishing(), GONE_H + after_h)
    row = line(the_open(run), run.results[-1].now_s)
    assert row["silent"] == silent
    assert (row["why"] == "no sample for 30m: what became of it is unknown") is bool(silent)


def test_what_has_to_learn_nothing_makes_nothing_learnt(rig: Rig) -> None:
    daemon = rig.start(card("disk"), card("memory", "mem"))
    assert view.learning(daemon) == 0.0
    for query in ("free", "mem", "load"):
        rig.world.add(query, {"instance": "a"}, calm())
    rig.at(1800)
    rig.turn()
    assert view.learning(daemon) == 1.0
    rig.stop()
    daemon = rig.start(card("disk"), card("memory", "mem"), anomaly_card())
    rig.turn()
    begun = view.learning(daemon)
    assert begun == daemon.board.watches["strange@made"].progress
    assert 0 < begun < 1
