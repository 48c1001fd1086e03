"""How long the policy lets a daemon keep what was told."""

from __future__ import annotations

import json

import pytest

from tests.daemon.rig import START_S, Rig, calm, card
from tests.store.samples import warning

DAY_S = 86400


@pytest.mark.parametrize(("retention", "left"), [({"symptoms": "30d"}, ["young"]), ({}, ["old", "young"])])
def test_what_ended_longer_ago_than_the_policy_allows_is_deleted(rig: Rig, retention: dict[str, str], left: list[str]) -> None:
    policy = {"apiVersion": "aiops/v1", "kind": "Policy", "retention": retention, "defaults": {"unclassified": "internal"}}
    (rig.folder / "policy.yaml").write_text(json.dumps(policy))
    rig.more = {"policy": "policy.yaml"}
    rig.world.add("free", {"instance": "a"}, calm())
    daemon = rig.start(card())
    with daemon.store.transaction() as tx:
        for name, days in (("old", 31), ("young", 29)):
            ended = START_S - days * DAY_S
            tx.put_warning(
                warning(state="closed", closed_s=ended, verdict="hit").having(id=name, fingerprint=name, opened_s=ended - 60)
            )
    daemon._prune()
    assert sorted(w.id for w in daemon.store.warnings()) == left
