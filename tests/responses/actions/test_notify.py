"""Messages of runbooks go through the outbox."""

from __future__ import annotations

import pytest

from aiops.core.errors import AiopsError
from aiops.responses.actions.around import Around
from aiops.responses.actions.notify import LONGEST, Notify, NotifyParams
from aiops.responses.interface import Result
from tests.responses.actions.samples import KEY, call
from tests.runbooks.hostile import NAMED


class Outbox:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def tell(self, run_id: str, route: str, message: str, key: str) -> None:
        assert run_id == "run"
        if route != "storage":
            raise AiopsError(f"there is no route {route}")
        self.told.append((route, message, key))


def notify(outbox: Outbox, **given: object) -> Result:
    return Notify(NotifyParams(), Around(tell=outbox.tell)).run(call(given), 0.0)


def test_a_message_is_told_under_the_key_of_the_step() -> None:
    outbox = Outbox()
    assert notify(outbox, route="storage", message="full\nsoon").end == "done"
    assert outbox.told == [("storage", "full\nsoon", KEY)]


def test_a_route_that_is_not_there_is_a_failure() -> None:
    found = notify(Outbox(), route="other", message="x")
    assert (found.end, found.effect, found.why) == ("failed", False, "there is no route other")


@pytest.mark.parametrize("value", NAMED)
def test_a_label_adds_no_line_and_no_control_character(value: str) -> None:
    outbox = Outbox()
    notify(outbox, route="storage", message=f"mount {value} is full")
    ((_, told, _),) = outbox.told
    assert len(told) <= LONGEST
    assert all(line.isprintable() for line in told.splitlines())
    assert "\u202e" not in told


NONE = ({}, {"route": "s"}, {"route": "s", "message": " "}, {"route": 1, "message": "x"}, {"route": "s", "message": [1]})


@pytest.mark.parametrize("given", NONE)
def test_what_is_no_message_is_refused(given: dict[str, object]) -> None:
    outbox = Outbox()
    assert notify(outbox, **given).effect is False
    assert outbox.told == []


def test_without_an_outbox_nothing_is_told() -> None:
    assert Notify(NotifyParams()).run(call({"route": "storage", "message": "x"}), 0.0).effect is False
