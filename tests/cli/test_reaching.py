"""How far runbooks may go: the most cautious of file, configuration, stage and kill switch, now and in the past."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from aiops.cli.reaching import Reaching
from aiops.config.settings import load_settings
from aiops.store import Store
from aiops.store.response_rows import Run
from aiops.store.responses import Responses
from tests.cli.test_runbooks import SYMPTOM, aiops, lines, place

__all__ = ["place"]


def configure(place: Path, responses: str) -> None:
    (place / "aiops.yaml").write_text(f"runbooks: [{place / 'books'}]\ndata_dir: {place / 'data'}\nresponses: {responses}\n")


def earned(place: Path, stage: str) -> None:
    """The kept warning is of a card at this stage."""
    store = Store.open("", place / "data")
    (kept,) = store.warnings(limit=10)
    with store.transaction() as tx:
        tx.put_warning(kept.having(stage=stage))
    store.close()


@pytest.mark.parametrize(
    ("responses", "stage", "mode", "by"),
    [
        ("{}", "page", "suggest", ["responses.ceiling"]),
        ("{ceiling: auto}", "page", "approve", ["the file"]),
        ("{ceiling: auto}", "ticket", "approve", ["the file", "stage ticket"]),
        ("{ceiling: auto}", "shadow", "shadow", ["stage shadow"]),
        ("{ceiling: auto, ceilings: [{matchers: ['team=\"storage\"', 'instance=\"a\"'], mode: shadow}]}", "page", "shadow",
         ["responses.ceilings[0]"]),
        ("{ceiling: auto, enabled: false}", "page", "approve", ["the kill switch"]),
    ],
)  # fmt: skip
def test_how_far_it_may_go_and_who_decides_is_explained_and_replayed(
    place: Path, responses: str, stage: str, mode: str, by: list[str]
) -> None:
    configure(place, responses)
    earned(place, stage)
    (said,) = lines("explain", "a")
    assert (said["mode"], said["by"]) == (mode, by)
    (past,) = lines("replay", "--since", "1d")
    would = {"shadow": "shadowed", "suggest": "suggested", "approve": "held back" if "enabled" in responses else "asked"}[mode]
    assert (past["mode"], past["by"], past["would"]) == (mode, by, would)


def test_the_kill_switch_is_explained_as_it_is_and_replayed_as_it_was(place: Path) -> None:
    configure(place, "{ceiling: auto}")
    earned(place, "page")
    store = Store.open("", place / "data")
    now = time.time()
    Responses(store).switch(True, "ann", "drill", now - 7200)
    Responses(store).switch(False, "ann", "", now - 1800)
    assert lines("replay", "--since", "1d")[0]["because"] == "the kill switch was on (ann: drill)"
    assert lines("explain", "a")[0]["by"] == ["the file"]
    Responses(store).switch(True, "bob", "again", now - 60)
    store.close()
    assert "nothing is begun: bob: again" in aiops("explain", "a").stdout
    assert "mode approve by the file" in aiops("plan", "fills", "a").stdout


def test_what_its_last_response_came_to_is_explained(place: Path) -> None:
    configure(place, "{ceiling: auto}")
    earned(place, "page")
    store = Store.open("", place / "data")
    runs, now = Responses(store), time.time()
    epoch = runs.take_lease("a", 15.0, now)
    assert epoch is not None
    ended = Run("r", "k", "fills", "s", "t", "w", "disk", "auto", "undone", now, now, None, {}, {})
    assert runs.begin(ended, [], (), epoch, now)
    store.close()
    (said,) = lines("explain", "a")
    assert said["says"]["its last response (undone)"] == "approve"


def test_a_symptom_of_a_card_has_the_stage_of_the_card(place: Path) -> None:
    configure(place, "{ceiling: auto}")
    (said,) = lines("explain", "--symptom", "symptom.json")
    assert said["says"] == {"the file": "approve", "responses.ceiling": "auto"}
    (place / "symptom.json").write_text(json.dumps(SYMPTOM | {"card": "disk_full"}))
    assert lines("explain", "--symptom", "symptom.json")[0]["says"]["stage shadow"] == "shadow"


def test_before_a_daemon_has_run_only_a_file_can_have_stopped_anything(tmp_path: Path) -> None:
    settings = load_settings(None, data_dir=tmp_path)
    assert Reaching.of(settings).now == ""
    (tmp_path / "kill-switch").write_text("ann: drill\n")
    found = Reaching.of(settings)
    assert (found.now, found.turned) == ("there is a file kill-switch in the data directory", ())
    assert found.stage_of("") is None
    assert found.stage_of("no_such_card") is None
