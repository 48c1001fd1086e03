"""What somebody may see, by where they stand."""

from __future__ import annotations

from aiops.core.records import Outcome
from aiops.governance.policy import LOCAL
from aiops.web.access.sight import Sight
from tests.daemon.rig import Rig, card, falling


def seen(rig: Rig, location: str) -> tuple[list[str], list[str], list[str]]:
    """(entities of warnings, instances of series, entities of verdicts) at a place."""
    assert rig.daemon is not None
    sight, watch = Sight(rig.daemon, location), rig.watch("disk@made")
    outcome = Outcome("w", "disk", {"instance": "a"}, "hit", 1, 0, 1, 1.0, None, None)
    labels = [sight.labels(watch, row) for row in range(watch.n)]
    return (
        [w.entity["instance"] for w in sight.warnings(rig.daemon.store.open_warnings())],
        [one["instance"] for one in labels if one is not None],
        [one.entity["instance"] for one in sight.outcomes([outcome])],
    )


def started(rig: Rig, **source: object) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.sources = {"made": {"kind": "made", **source}}
    rig.start(card())
    rig.until_warned()


def test_at_home_everything_is_seen_as_it_is(rig: Rig) -> None:
    started(rig)
    assert seen(rig, LOCAL) == (["a"], ["a"], ["a"])


def test_elsewhere_what_has_no_class_is_masked_and_still_one_thing(rig: Rig) -> None:
    started(rig)
    found = seen(rig, "")
    assert {one for part in found for one in part} == {found[0][0]}
    assert found[0][0].startswith("masked:")


def test_what_may_not_be_at_a_place_is_not_seen_there(rig: Rig) -> None:
    started(rig, data_class="internal", residency=["eu"])
    assert seen(rig, "us") == ([], [], [])
    assert seen(rig, "eu") == (["a"], ["a"], ["a"])
