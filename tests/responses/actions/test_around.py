"""What actions are handed besides their parameters."""

from __future__ import annotations

from aiops.responses.actions.around import NOTHING, refused, secret_of
from tests.responses.actions.samples import CANARY, call


def test_without_a_daemon_there_is_nothing() -> None:
    assert (NOTHING.folder, NOTHING.lock_fd, NOTHING.tell) == (None, None, None)


def test_a_refusal_had_no_effect() -> None:
    found = refused("no")
    assert (found.end, found.effect, found.why) == ("failed", False, "no")


def test_a_secret_is_asked_for_by_its_name() -> None:
    asked: list[str] = []
    assert secret_of(call({}, secret=lambda name: asked.append(name) or CANARY), {"secret": "db"}) == CANARY  # type: ignore[func-returns-value]
    assert asked == ["db"]
