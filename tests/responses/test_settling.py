"""What stands in the journal of a step whose check is put off comes back as it was."""

from __future__ import annotations

import pytest

from aiops.responses.interface import Result
from aiops.responses.settling import Settling
from aiops.store.response_rows import StepRow

ROW = StepRow(0, "fix", "checked", "key", "INTENT", epoch=3, attempt=1)


@pytest.mark.parametrize("known", [None, Result("unknown", {"status": 502}, "status 502"), Result("failed", effect=False)])
def test_what_the_action_said_is_kept_until_its_check_is_asked(known: Result | None) -> None:
    off = Settling(130.0, 600.0, known)
    change = off.put_off(ROW)
    assert Settling.of(change.new) == off
    assert (change.old, change.new.state, change.new.attempt, Settling.of(ROW)) == (ROW, "INTENT", 1, None)


def test_people_read_when_it_is_asked() -> None:
    lost = Settling(130.0, 600.0, Result("unknown", why="the connection broke")).put_off(ROW).new.why
    assert lost == "the connection broke; its check is asked at 1970-01-01T00:02:10Z, when it sees what is so since"
    assert Settling(0.0, 30.0, None).put_off(ROW).new.why.startswith("its check is asked at 1970-01-01T00:00:00Z")
