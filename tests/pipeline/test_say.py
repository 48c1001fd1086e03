"""What `notify` steps tell: once, whole, and only where the warning may be seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.config.routing import Route
from aiops.core.errors import AiopsError
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.pipeline.respond import Surroundings
from aiops.pipeline.say import say
from aiops.responses.actions.around import Around
from aiops.responses.catalogue import Actions
from tests.responses.rig import START_S, Rig, book, early, made

TOLD = {"id": "told", "uses": "notify", "with": {"route": "pager", "message": "look at ${{ target.instance }}\nsoon"}}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        one.write(book(TOLD, target_by=["instance"], verify=None, guards=None, approval=None, mode="suggest"))
        one.warn(early())
        yield one


def surroundings(rig: Rig, local: frozenset[str] = frozenset({"pager"}), **policy: Any) -> Surroundings:
    gate = Gate(Policy.model_validate(policy), Masker(key_of(None)))
    routes = [Route.model_validate({"receiver": "pager"})]
    return Surroundings(rig.store, rig.settings, rig.folder, routes, gate, {}, local)


def begun(rig: Rig) -> str:
    """The id of a response that has done its step."""
    one = rig.replica()

    def tell(run_id: str, receiver: str, message: str, key: str) -> None:
        say(surroundings(rig), ["pager"], rig.runs, run_id, receiver, message, key, rig.clock.now)

    one.engine.tools.actions = Actions(around=Around(tell=tell))
    for _ in range(3):
        one.tick(rig.clock.now)
    return rig.one().id


def said(rig: Rig) -> list[Any]:
    with rig.store._read() as c:
        rows = c.exec_driver_sql("SELECT receiver, payload FROM outbox ORDER BY seq").fetchall()
    return [(receiver, told) for receiver, told in ((r, json.loads(p)) for r, p in rows) if told["response"]["event"] == "said"]


def test_a_step_tells_its_receiver(rig: Rig) -> None:
    begun(rig)
    ((receiver, told),) = said(rig)
    assert (receiver, told["title"], told["text"]) == ("pager", "look at a1", "look at a1\nsoon")
    assert rig.step_states() == {"told": "DONE"}


def test_one_key_is_told_once(rig: Rig) -> None:
    run = begun(rig)
    for key in ("k", "k", "l"):
        say(surroundings(rig), ["pager"], rig.runs, run, "pager", "again", key, START_S)
    assert [told["title"] for _, told in said(rig)] == ["look at a1", "again", "again"]


@pytest.mark.parametrize(
    ("receiver", "run", "why"), [("nobody", "", "there is no receiver nobody"), ("pager", "other", "is not known any more")]
)
def test_who_or_what_is_not_there_is_told_of(rig: Rig, receiver: str, run: str, why: str) -> None:
    known = begun(rig)
    with pytest.raises(AiopsError, match=why):
        say(surroundings(rig), ["pager"], rig.runs, run or known, receiver, "x", "k", START_S)
    assert len(said(rig)) == 1


def test_a_warning_in_shadow_is_told_at_home_only(rig: Rig) -> None:
    run = begun(rig)
    rig.warn(early(stage="shadow"))
    say(surroundings(rig), ["pager"], rig.runs, run, "pager", "x", "k", START_S)
    with pytest.raises(AiopsError, match="shadow"):
        say(surroundings(rig, frozenset()), ["pager"], rig.runs, run, "pager", "x", "l", START_S)


def test_where_a_label_may_not_be_seen_nothing_is_told(rig: Rig) -> None:
    run = begun(rig)
    hidden = surroundings(rig, frozenset(), labels={"instance": {"class": "restricted"}})
    with pytest.raises(AiopsError, match="may not see every label"):
        say(hidden, ["pager"], rig.runs, run, "pager", "look at a1", "k", START_S)
    assert len(said(rig)) == 1
