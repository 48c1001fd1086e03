"""The decision: total, deny wins, never weaker for a higher class or fewer places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.governance.decide import Dataset, class_of, decide
from aiops.governance.policy import LOCAL, Policy

CLASSES = ["public", "internal", "confidential", "restricted"]
PLACES = ["eu", "us", LOCAL, ""]
ACTIONS = ["fetch", "store", "train", "serve", "notify", "export"]


def rule_of(effect: str) -> st.SearchStrategy[dict[str, Any]]:
    sign = "<=" if effect == "allow" else ">="
    when = st.fixed_dictionaries(
        {},
        optional={
            "class": st.sampled_from([sign + one for one in CLASSES]), "residency_mismatch": st.just(effect != "allow"),
            "location": st.lists(st.sampled_from(PLACES), max_size=2), "source": st.just(["prom"]),
        },
    )  # fmt: skip
    return st.fixed_dictionaries({"action": st.sampled_from([*ACTIONS, "*"]), "effect": st.just(effect), "when": when})


RULES = st.lists(st.sampled_from(["allow", "mask", "deny"]).flatmap(rule_of), max_size=5)
POLICIES = st.builds(
    lambda rules, default: Policy.model_validate(
        {"rules": [{"id": f"R{i}", **rule} for i, rule in enumerate(rules)], "defaults": {"effect": default}}
    ),
    RULES, st.sampled_from(["allow", "mask", "deny"]),
)  # fmt: skip
DATA = st.builds(
    Dataset, st.sampled_from(["prom", "other"]), st.sampled_from([*CLASSES, "", "what"]),
    st.lists(st.sampled_from(["eu", "us"]), unique=True).map(tuple), st.sampled_from([("operations",), (), ("billing",)]),
)  # fmt: skip


@given(POLICIES, DATA, st.sampled_from(ACTIONS), st.sampled_from(PLACES))
def test_it_always_decides_and_says_by_what(policy: Policy, data: Dataset, action: Any, place: str) -> None:
    found = decide(action, data, place, policy)
    assert found.effect in ("allow", "mask", "deny")
    assert found.rule
    assert found.reason
    assert decide(action, data, place, policy) == found


@given(POLICIES, DATA, st.sampled_from(ACTIONS), st.sampled_from(PLACES), st.sampled_from(CLASSES))
def test_raising_the_class_never_turns_deny_into_anything_else(
    policy: Policy, data: Dataset, action: Any, place: str, higher: str
) -> None:
    raised = Dataset(data.source, policy.joined(class_of(data, policy), higher), data.residency, data.purpose)
    if decide(action, data, place, policy).effect == "deny":
        assert decide(action, raised, place, policy).effect == "deny"


@given(POLICIES, DATA, st.sampled_from(ACTIONS), st.sampled_from(PLACES))
def test_taking_places_away_never_turns_deny_into_anything_else(
    policy: Policy, data: Dataset, action: Any, place: str
) -> None:
    if decide(action, data, place, policy).effect != "deny":
        return
    for kept in [data.residency[:1], data.residency[1:]]:
        if kept:
            fewer = Dataset(data.source, data.data_class, kept, data.purpose)
            assert decide(action, fewer, place, policy).effect == "deny"


@given(st.lists(st.sampled_from(CLASSES), max_size=4), st.lists(st.sampled_from(CLASSES), max_size=4))
def test_the_class_of_what_is_derived_is_the_join_of_its_inputs(some: list[str], more: list[str]) -> None:
    policy = Policy()
    joined = policy.joined(*some, *more)
    assert joined == policy.joined(policy.joined(*some), policy.joined(*more)) == policy.joined(*more, *some)
    assert all(policy.rank(one) <= policy.rank(joined) for one in [*some, *more])


@pytest.mark.parametrize(
    ("data", "action", "place", "effect"),
    [
        (Dataset("prom"), "fetch", LOCAL, "allow"),
        (Dataset("prom"), "serve", LOCAL, "allow"),
        (Dataset("prom"), "serve", "", "mask"),
        (Dataset("prom"), "notify", "", "mask"),
        (Dataset("prom", "restricted"), "notify", "eu", "mask"),
        (Dataset("prom", "internal"), "notify", "", "allow"),
        (Dataset("prom", "internal", ("eu",)), "notify", "eu", "allow"),
        (Dataset("prom", "internal", ("eu",)), "notify", "us", "deny"),
        (Dataset("prom", "public", ("eu",)), "export", "us", "deny"),
        (Dataset("prom", "internal", ("eu",)), "notify", "", "allow"),
        (Dataset("prom", "internal", (), ("billing",)), "fetch", LOCAL, "deny"),
        (Dataset("prom", "internal"), "train", "elsewhere", "deny"),
    ],
)
def test_what_is_built_in(data: Dataset, action: Any, place: str, effect: str) -> None:
    assert decide(action, data, place, Policy()).effect == effect


def test_of_rules_that_match_deny_wins_and_an_allowing_one_takes_the_place_of_what_is_built_in() -> None:
    allow = {"id": "A", "action": "notify", "when": {"location": ["eu"]}, "effect": "allow"}
    mask = {"id": "M", "action": "notify", "when": {"class": ">=restricted"}, "effect": "mask"}
    deny = {"id": "D", "action": "*", "when": {"source": ["prom"]}, "effect": "deny"}
    secret = Dataset("prom", "restricted")
    policies = [Policy.model_validate({"rules": rules}) for rules in ([allow], [allow, mask], [allow, mask, deny])]
    decided = [decide("notify", secret, "eu", policy) for policy in policies]
    assert [(one.effect, one.rule) for one in decided] == [("allow", "A"), ("mask", "M"), ("deny", "D")]
