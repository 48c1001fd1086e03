"""What an action is before it says anything of itself: it promises nothing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from aiops.core.params import Params
from aiops.responses.interface import Action, Call, Result


class Nothing(Action[Params]):
    """Does nothing."""

    Params = Params

    def run(self, call: Call, now_s: float) -> Result:
        return Result("done")


def a_call() -> Call:
    return Call("run", "step", "key", 1, 1.0, {}, secret=lambda name: f"the value of {name}")


def test_by_itself_an_action_promises_nothing() -> None:
    action = Nothing(Params())
    assert action.fence(a_call()) is False
    assert action.harvest(a_call()) is None
    assert action.busy(a_call()) is False
    action.close()


def test_what_came_of_a_call_may_have_had_an_effect_unless_it_says_otherwise() -> None:
    found = Result("failed", why="no")
    assert (found.effect, dict(found.output)) == (True, {})


def test_a_call_shows_no_secret_and_never_changes() -> None:
    call = a_call()
    assert call.secret("db") == "the value of db"
    assert "secret" not in repr(call)
    with pytest.raises(FrozenInstanceError):
        call.epoch = 2  # type: ignore[misc]


def test_without_secrets_there_are_none() -> None:
    assert Call("run", "step", "key", 1, 1.0, {}).secret("db") == ""
