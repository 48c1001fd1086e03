"""Episodes that begin together: when they have one cause, which labels name it, how the warning that speaks for them lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from aiops.core.records import EarlyWarning
from aiops.early_warnings.cause import Together, began_with, has, shared, spoken
from aiops.early_warnings.episode import next_state
from aiops.notify.evidence import sentence
from tests.early_warnings.test_episode import RULES, symptom

TOGETHER = Together()
SELDOM = 1e-6


def episode(instance: str, now: int = 100, expected: float | None = 500.0, **labels: str) -> EarlyWarning:
    entity = {"instance": instance}
    one = symptom(expected, labels={**entity, **labels})
    found = next_state(None, [one], entity, now, RULES)
    assert found is not None
    return found[0]


def hosts(n: int, now: int = 100, **labels: str) -> list[EarlyWarning]:
    return [episode(f"h{i}", now, **labels) for i in range(n)]


def crowd_of(episodes: Sequence[EarlyWarning], times: int = 1) -> Counter[tuple[str, str]]:
    return Counter({pair: times for w in episodes for pair in w.labels.items()})


def test_episodes_that_share_a_label_have_one_cause_named_by_all_they_share() -> None:
    some, other = hosts(4, cluster="eu", job="node"), episode("x", cluster="us", job="web")
    found = list(shared([*some, other], [], crowd_of([*some, other]), SELDOM, TOGETHER))
    assert found == [({"cluster": "eu", "job": "node"}, some)]


def test_two_are_no_crowd() -> None:
    assert list(shared(hosts(2, cluster="eu"), [], Counter(), SELDOM, TOGETHER)) == []


def test_what_shares_nothing_is_told_alone() -> None:
    some = [episode(f"h{i}", cluster=f"c{i}") for i in range(5)]
    assert list(shared(some, [], Counter(), SELDOM, TOGETHER)) == []


def test_as_many_as_chance_would_bring_are_no_cause() -> None:
    some = hosts(4, cluster="eu")
    crowd = Counter({("cluster", "eu"): 40_000})
    assert list(shared(some, [], crowd, 1e-4, TOGETHER)) == []
    assert list(shared(some, [], crowd, 1e-6, TOGETHER)) != []


def test_the_narrower_of_two_labels_names_what_is_left_over() -> None:
    rack, rest = hosts(3, rack="r1", job="node"), [episode(f"x{i}", rack=f"q{i}", job="node") for i in range(2)]
    crowd = Counter({("job", "node"): 10**7, ("rack", "r1"): 3})
    found = list(shared([*rack, *rest], [], crowd, 1e-3, TOGETHER))
    assert found == [({"job": "node", "rack": "r1"}, rack)]


def test_what_began_a_little_earlier_counts_but_makes_no_cause_of_its_own() -> None:
    recent, fresh = hosts(2, now=50, cluster="eu"), [episode("new", cluster="eu")]
    assert [len(group) for _, group in shared(fresh, recent, Counter(), SELDOM, TOGETHER)] == [3]
    assert list(shared([], hosts(3, cluster="eu"), Counter(), SELDOM, TOGETHER)) == []


def began(instance: str, hours_ago: float, now: int = 10**6, **labels: str) -> EarlyWarning:
    one = episode(instance, now, now + 3600.0, **labels)
    (lead,) = one.symptoms
    return one.having(symptoms=(replace(lead, evidence={**lead.evidence, "began_s": now - 3600.0 * hours_ago}),))


def test_what_began_hours_apart_has_no_common_cause_though_it_opens_at_once() -> None:
    apart = [began(f"h{i}", ago, cluster="eu") for i, ago in enumerate([120.0, 20.0, 20.0, 18.0, 16.0, 15.0])]
    assert list(shared(apart, [], Counter(), SELDOM, TOGETHER)) == []


def test_what_began_at_two_times_is_two_causes_of_the_same_label() -> None:
    early, late = ([began(f"{ago}-{i}", ago + 0.2 * i, cluster="eu") for i in range(3)] for ago in (40, 2))
    mixed = [one for pair in zip(early, late, strict=True) for one in pair]
    found = list(shared([*mixed, began("alone", 9.0, cluster="eu")], [], Counter(), SELDOM, TOGETHER))
    assert sorted((labels["cluster"], sorted(w.id for w in group)) for labels, group in found) == sorted(
        ("eu", sorted(w.id for w in group)) for group in (early, late)
    )


def test_one_that_began_at_another_time_does_not_join() -> None:
    cause = opened([began(f"h{i}", 20.0, cluster="eu") for i in range(3)])
    assert began_with(began("new", 20.5, cluster="eu"), cause, TOGETHER)
    assert not began_with(began("new", 16.0, cluster="eu"), cause, TOGETHER)
    assert not began_with(began("new", 0.2, cluster="eu"), cause, TOGETHER)


def test_a_label_that_all_entities_have_is_named_only_where_they_share_nothing_else() -> None:
    some, crowd = hosts(4, job="node", rack="r1"), Counter({("job", "node"): 9, ("rack", "r1"): 4})
    assert [labels for labels, _ in shared(some, [], crowd, SELDOM, TOGETHER, 9)] == [{"rack": "r1"}]
    assert [labels for labels, _ in shared(some, [], crowd, SELDOM, TOGETHER, 10)] == [{"job": "node", "rack": "r1"}]
    few = hosts(4, job="node")
    assert [labels for labels, _ in shared(few, [], crowd, SELDOM, TOGETHER, 9)] == [{"job": "node"}]


def test_the_metric_is_no_shared_label() -> None:
    some = [episode(f"h{i}", __name__="free") for i in range(4)]
    assert list(shared(some, [], Counter(), SELDOM, TOGETHER)) == []


def opened(members: list[EarlyWarning], labels: dict[str, str] | None = None) -> EarlyWarning:
    cause, event = spoken(labels or {"cluster": "eu"}, members, None, members, 100, RULES, {"text": "3 of 4"})
    assert event == "opened"
    return cause


def test_what_speaks_for_many_tells_the_soonest_and_lists_all() -> None:
    members = [episode(f"h{i}", expected=900.0 - 100 * i, cluster="eu") for i in range(8)]
    cause = opened(members)
    assert cause.crossing == members[-1].crossing
    assert [m["entity"]["instance"] for m in cause.members] == [f"h{i}" for i in range(7, -1, -1)]
    assert opened(members[::-1]) == cause
    assert len(cause.symptoms) == 5
    assert cause.symptoms[0].labels["instance"] == "h7"
    assert (cause.entity, cause.record["text"]) == ({"cluster": "eu"}, "3 of 4")


def test_of_each_entity_it_names_beside_the_leading_series_the_others_with_their_shares() -> None:
    (lead,) = episode("a").symptoms
    labels = {"instance": "a", "job": "node"}
    three = [
        replace(lead, labels=labels | {"metric": name}, evidence={"now": 1.0, "reason": "unlike", "share": share})
        for name, share in (("latency", 0.45), ("cpu", 0.38), ("errors", 0.17))
    ]
    members = [episode("a").having(symptoms=tuple(three)), *(episode(name) for name in "bc")]
    first = next(one for one in opened(members).symptoms if one.labels.get("metric") == "latency")
    assert first.evidence["beside"] == [
        {"labels": {"metric": "cpu"}, "share": 0.38}, {"labels": {"metric": "errors"}, "share": 0.17}
    ]  # fmt: skip
    assert ", 45% of what is unusual there, also metric=cpu 38%, also metric=errors 17% [" in sentence(first)
    assert all("beside" not in one.evidence for one in opened(members).symptoms if "metric" not in one.labels)


def test_it_is_told_again_only_when_it_doubles_or_gets_worse() -> None:
    members = hosts(3, cluster="eu")
    cause, events = opened(members), []
    for n in range(3, 14):
        one = episode(f"new{n}", cluster="eu")
        members.append(one)
        cause, event = spoken(cause.entity, members, cause, [one], 100 + n, RULES, cause.record)
        events.append(event)
    assert events.count("spread") == 2
    assert "worsened" not in events
    worse = [members[0].having(severity="critical"), *members[1:]]
    assert spoken(cause.entity, worse, cause, [], 200, RULES, cause.record)[1] == "worsened"


def test_it_goes_on_as_itself_until_the_last_one_has_ended() -> None:
    members = hosts(3, cluster="eu")
    cause = opened(members)
    still, event = spoken(cause.entity, members[2:], cause, [], 160, RULES, cause.record)
    assert (still.id, still.state, event) == (cause.id, "open", "updated")
    ended, event = spoken(cause.entity, [], still, [], 220, RULES, still.record)
    assert (ended.state, ended.closed_s, event) == ("closed", 220, "closed")
    assert "3" in ended.closed_why


def test_it_is_as_loud_as_its_members_and_not_as_its_card() -> None:
    members = hosts(3, cluster="eu")
    cause = opened(members)
    louder = [w.having(stage="page") for w in members]
    assert spoken(cause.entity, louder, cause, [], 160, RULES, cause.record)[0].stage == "page"
    quiet = [w.having(stage="shadow") for w in members]
    assert opened(quiet).stage == "shadow"


def test_has_asks_for_every_label() -> None:
    one = episode("a", cluster="eu", rack="r1")
    assert has(one, {"cluster": "eu", "rack": "r1"})
    assert not has(one, {"cluster": "eu", "rack": "r2"})
    assert has(one, {})


