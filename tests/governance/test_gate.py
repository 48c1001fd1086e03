"""The gate: labels ruled at every fetch, lineage filled, and what leaves masked or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import Block, EarlyWarning, Lineage
from aiops.governance.gate import Gate, Origin
from aiops.governance.masking import Masker
from aiops.governance.policy import LOCAL, Policy
from tests.notify.samples import warning

LABELS = ({"instance": "db-1", "user_email": "x@y"}, {"instance": "db-2", "user_email": "z@y"})


def gate(**policy: Any) -> Gate:
    return Gate(Policy.model_validate(policy), Masker(b"k" * 32))


def block(labels: Any = LABELS) -> Block:
    return Block(labels, np.array([60], np.int64), np.ones((len(labels), 1)), "1", Lineage("prom", "q", 60, 60))


def classified(data_class: str, *residency: str, **labels: str) -> EarlyWarning:
    found = warning()
    lineage = Lineage("prom", "q", 0, 60, data_class=data_class, residency=residency)
    symptoms = tuple(replace(s, labels={**s.labels, **labels}, lineage=lineage) for s in found.symptoms)
    return found.having(symptoms=symptoms, labels={**found.labels, **labels})


def test_a_block_carries_where_it_came_from_and_what_may_be_done_with_it() -> None:
    admit = gate().admission(Origin("prom", "internal", ("eu",)))
    found = admit(block())
    assert found.labels is LABELS, "the very same object: everything behind keys on it"
    lineage = found.lineage
    assert (lineage.data_class, lineage.residency, lineage.policy) == ("internal", ("eu",), "built-in")
    assert len(lineage.digest) == 16
    other = Block(LABELS, np.array([60], np.int64), np.zeros((2, 1)), "1", Lineage("prom", "q", 60, 60))
    assert lineage.digest != admit(other).lineage.digest


def test_a_source_without_a_class_counts_as_restricted() -> None:
    assert gate().admission(Origin("prom"))(block()).lineage.data_class == "restricted"


def test_labels_are_dropped_masked_and_kept_before_anything_sees_them() -> None:
    admit = gate(labels={"user_email": {"action": "drop"}, "inst*": {"action": "mask"}}).admission(Origin("prom", "internal"))
    found = admit(block())
    assert [sorted(one) for one in found.labels] == [["instance"], ["instance"]]
    assert all(one["instance"].startswith("masked:") for one in found.labels)
    assert admit(block()).labels is found.labels


def test_dropping_what_tells_series_apart_is_an_error_that_names_the_label() -> None:
    admit = gate(labels={"instance": {"action": "drop"}, "user_email": {"action": "drop"}}).admission(Origin("prom", "internal"))
    with pytest.raises(SourceError, match="instance, user_email") as error:
        admit(block())
    assert error.value.kind == "policy"


def test_a_source_that_may_not_be_read_is_an_error_that_names_the_rule() -> None:
    rule = {"id": "NOPE", "action": "fetch", "when": {"source": ["prom"]}, "effect": "deny"}
    with pytest.raises(SourceError, match="NOPE"):
        gate(rules=[rule]).admission(Origin("prom", "internal"))(block())


def test_the_policys_word_on_a_source_counts_before_the_configurations() -> None:
    guard = gate(sources={"prom": {"class": "confidential", "residency": ["us"]}})
    found = guard.admission(Origin("prom", "public", ("eu",)))(block())
    assert (found.lineage.data_class, found.lineage.residency) == ("confidential", ("us",))


def test_what_is_made_of_several_blocks_has_the_highest_class_and_the_places_of_all() -> None:
    one = Lineage("a", "q", 0, 60, data_class="internal", residency=("eu", "us"))
    other = Lineage("b", "q", 60, 90, data_class="confidential", residency=("eu",))
    found = gate().joined([one, other])
    assert (found.source, found.data_class, found.residency) == ("a+b", "confidential", ("eu",))
    assert (found.start_s, found.end_s) == (0, 90)
    apart = gate().joined([other, Lineage("c", "q", 0, 9, residency=("us",))])
    assert gate().outbound(classified(apart.data_class, *apart.residency), "notify", "eu")[0] is None, "no place is left for both"


def test_at_home_everything_is_shown() -> None:
    found = classified("restricted", "eu")
    assert gate().outbound(found, "serve", LOCAL)[0] is found


def test_restricted_data_leaves_masked_and_what_will_happen_is_still_told() -> None:
    found = classified("restricted")
    seen, decision = gate().outbound(found, "notify", "")
    assert seen is not None
    assert decision.effect == "mask"
    every = (seen.entity, seen.labels, *(s.labels for s in seen.symptoms))
    assert all(value.startswith("masked:") for one in every for value in one.values())
    for name in ("card", "severity", "crossing", "fingerprint"):
        assert getattr(seen, name) == getattr(found, name)
    raw = {value for one in (found.entity, found.labels) for value in one.values() if len(value) > 1}
    assert not [value for value in raw if value in str(seen.runbooks)]


def test_the_entities_that_a_warning_of_many_lists_are_masked_too() -> None:
    listed = {"id": "1", "entity": {"instance": "db-member"}, "opened_s": 1, "expected_s": None}
    seen, _ = gate().outbound(classified("restricted").having(members=(listed,)), "notify", "")
    assert seen is not None
    assert "db-member" not in str(seen)
    assert seen.members[0]["entity"]["instance"].startswith("masked:")


def test_the_name_of_a_rule_stays_unless_the_policy_speaks_of_it() -> None:
    entity = {"alertname": "DiskFull", "instance": "db-1"}
    found = classified("restricted", alertname="DiskFull").having(kind="rule", entity=entity)
    seen, _ = gate().outbound(found, "notify", "")
    assert seen is not None
    assert seen.entity["alertname"] == "DiskFull"
    assert "db-1" not in str(seen)
    seen, _ = gate(labels={"alert*": {"class": "restricted"}}).outbound(found, "notify", "")
    assert seen is not None
    assert "DiskFull" not in str(seen)


def test_the_record_of_a_masked_warning_does_not_name_its_service() -> None:
    record = {"text": "new, unproven; service shop 9 of 12", "groups": [{"of": "service shop", "settled": 12}]}
    found = classified("restricted", service="shop").having(record=record)
    seen, _ = gate().outbound(found, "notify", "")
    assert seen is not None
    assert "shop" not in str(seen)
    assert seen.record["text"].endswith(" 9 of 12")


def test_what_several_sources_saw_is_told_as_the_strictest_rule_about_one_of_them_says() -> None:
    both = Lineage("eu+us", "q", 0, 60, data_class="internal")
    rule = {"id": "R", "action": "notify", "when": {"source": ["eu"]}}
    assert gate(rules=[{**rule, "effect": "deny"}]).decision("notify", [both], "am").effect == "deny"
    assert gate(rules=[{**rule, "effect": "mask"}]).decision("notify", [both], "am").effect == "mask"
    restricted = replace(both, data_class="restricted")
    assert gate(rules=[{**rule, "effect": "allow"}]).decision("notify", [restricted], "am").effect == "mask"
    rule["when"] = {"source": ["us", "eu"]}
    assert gate(rules=[{**rule, "effect": "allow"}]).decision("notify", [restricted], "am").effect == "allow"


def test_only_the_label_that_is_too_high_is_masked_where_the_rest_may_be_told() -> None:
    guard = gate(labels={"user_email": {"class": "restricted"}})
    seen, _ = guard.outbound(classified("internal", user_email="x@y"), "notify", "")
    assert seen is not None
    assert seen.labels["user_email"].startswith("masked:")
    assert seen.entity == warning().entity


def test_what_may_only_be_in_one_place_goes_to_no_other() -> None:
    guard = gate(locations={"am-eu": "eu", "slack-us": "us"})
    found = classified("internal", "eu")
    assert guard.outbound(found, "notify", guard.location("am-eu"))[0] is found
    seen, decision = guard.outbound(found, "notify", guard.location("slack-us"))
    assert seen is None
    assert decision.rule == "built-in-residency"
