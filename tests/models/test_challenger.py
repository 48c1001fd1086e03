"""A challenger: a card of its own beside the champion's, judged alike, told to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.errors import FileError
from aiops.models.card import ModelCard, load_card, with_challengers
from aiops.pipeline import turn
from tests.daemon.rig import START_S, Rig, falling
from tests.daemon.rig import rig as rig
from tests.models.test_card import CARD
from tests.notify.samples import memory
from tests.pipeline.made import World, card, watch_of
from tests.pipeline.test_gather import rooms_for, told

TRIES = "challenger: {forecast: {model: exhaustion, params: {pending_s: 60}}}\n"


def written(tmp_path: Path, text: str) -> ModelCard:
    path = tmp_path / "disk_full.yaml"
    path.write_text(text)
    return load_card(path)


def test_it_watches_the_same_with_other_models(tmp_path: Path) -> None:
    champion = written(tmp_path, CARD + TRIES)
    first, second = with_challengers([champion])
    assert first is champion
    assert (second.name, second.stage, second.detect, second.challenges) == ("disk_full~challenger", "shadow", None, True)
    assert (second.query, second.sha, second.signal) == (champion.query, champion.sha, champion.signal)
    assert second.forecast is not None
    assert champion.forecast is not None
    assert (second.forecast.params, second.forecast.limit) == ({"pending_s": 60}, champion.forecast.limit)


def test_a_card_without_one_is_alone(tmp_path: Path) -> None:
    assert len(list(with_challengers([written(tmp_path, CARD)]))) == 1


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        ("challenger: {}\n", "challenger: give forecast or detect"),
        ("challenger: {forecast: {model: exhaustive}}\n", "challenger.forecast.model: forecasters: no kind 'exhaustive'"),
        ("challenger: {detect: {model: seasonal, params: {foo: 1}}}\n", "challenger.detect.params.foo"),
    ],
)
def test_what_is_wrong_with_one_is_told_where_it_stands(tmp_path: Path, tries: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        written(tmp_path, CARD + tries)


def test_it_cannot_challenge_what_the_card_does_not_do(tmp_path: Path) -> None:
    text = CARD.replace("detect: {model: seasonal}\n", "") + "challenger: {detect: {model: seasonal}}\n"
    with pytest.raises(FileError, match="this card has no detect"):
        written(tmp_path, text)


def test_what_it_says_is_kept_and_told_to_nobody() -> None:
    world = World()
    world.add("free", {"instance": "fills"}, falling(0.001))
    champion = ModelCard.model_validate(card(challenger={"forecast": {"model": "exhaustion", "params": {"pending_s": 300}}}))
    with memory() as store:
        rooms = rooms_for(store)
        for one in with_challengers([champion]):
            watch = watch_of(world, one.model_dump(by_alias=True, exclude_defaults=True) | {"name": "x"})
            watch.card = one
            watch.naming = type(watch.naming)(one.name, one.signal, one.unit)
            rooms.watches.append(watch)
        for now_s in range(START_S + 8 * 3600, START_S + 12 * 3600, 300):
            for watch in rooms.watches:
                turn(watch, now_s, rooms)
        kept = {w.card: w for w in store.warnings()}
        assert set(kept) == {"disk", "disk~challenger"}
        assert kept["disk~challenger"].opened_s <= kept["disk"].opened_s
        assert kept["disk"].beside == ()
        assert told(store) == [("opened", 0)]


def test_a_daemon_has_both_and_keeps_the_challenger_in_shadow(rig: Rig) -> None:
    rig.more = {"stages": {"disk": "ticket"}}
    rig.world.add("free", {"instance": "fills"}, falling(0.001))
    daemon = rig.start(card(challenger={"forecast": {"model": "exhaustion"}}))
    rig.until_warned()
    stages = {w.card.name: w.stage for w in daemon.rooms.watches}
    assert stages == {"disk": "ticket", "disk~challenger": "shadow"}
