"""Who is alike, and whom a new one starts from."""

from __future__ import annotations

import numpy as np

from aiops.models.cohort import AT_MOST, LEAST, Cohorts, members_for

LABELS = [{"job": "shop", "pod": f"p{i}", "metric": "memory" if i == 5 else "load"} for i in range(6)]


def cohorts(labels: list[dict[str, str]], *names: str) -> Cohorts:
    found = Cohorts(names)
    found.grow(labels)
    return found


def test_alike_are_those_with_the_same_values() -> None:
    kind = cohorts(LABELS, "job", "metric").kind
    assert len(set(kind[:5].tolist())) == 1
    assert kind[5] != kind[0]


def test_values_do_not_run_into_each_other() -> None:
    kind = cohorts([{"a": "xy", "b": "z"}, {"a": "x", "b": "yz"}, {"a": "z", "b": "xy"}], "a", "b").kind
    assert len(set(kind.tolist())) == 3


def test_a_series_without_any_of_the_labels_is_of_no_cohort() -> None:
    assert cohorts([{"pod": "p", "job": ""}], "job", "metric").kind.tolist() == [0]


def test_nothing_is_kept_where_a_card_names_no_labels() -> None:
    assert len(cohorts(LABELS).kind) == 0


def test_text_that_is_no_text_is_taken() -> None:
    assert cohorts([{"job": "\ud800"}], "job").kind[0] != 0


def test_members_are_those_of_the_cohort_that_learnt_enough() -> None:
    found = cohorts(LABELS, "job", "metric")
    fit = np.array([True, True, False, True, False, True])
    rows, members = members_for(np.array([4]), found.kind, found.mark, fit)
    assert rows.tolist() == [4]
    assert sorted(members[0].tolist()) == [0, 1, 3]


def test_too_few_members_are_none() -> None:
    found = cohorts(LABELS, "job", "metric")
    rows, _ = members_for(np.array([4, 5]), found.kind, found.mark, np.arange(6) < LEAST - 1)
    assert not len(rows)


def test_of_many_members_the_same_are_taken_whatever_their_order() -> None:
    labels = [{"job": "shop", "pod": f"p{i}"} for i in range(3 * AT_MOST)] + [{"job": "shop", "pod": "new"}]
    order = np.random.default_rng(0).permutation(len(labels))
    names = []
    for some in (labels, [labels[i] for i in order]):
        found, new = cohorts(some, "job"), some.index(labels[-1])
        fit = np.arange(len(some)) != new
        rows, members = members_for(np.array([new]), found.kind, found.mark, fit)
        assert (rows.tolist(), members.shape) == ([new], (1, AT_MOST))
        names.append([some[i]["pod"] for i in members[0]])
    assert names[0] == names[1]


def test_cohorts_of_unlike_size_stand_beside_each_other() -> None:
    labels = [{"job": "a"}] * 4 + [{"job": "b"}] * 6
    found = cohorts([{**one, "pod": str(i)} for i, one in enumerate(labels)], "job")
    rows, members = members_for(np.array([3, 9]), found.kind, found.mark, ~np.isin(np.arange(10), (3, 9)))
    assert rows.tolist() == [3, 9]
    assert [sorted(m[m >= 0].tolist()) for m in members] == [[0, 1, 2], [4, 5, 6, 7, 8]]


def test_entities_are_alike_when_their_series_are_of_the_same_cohorts() -> None:
    labels = [{"pod": pod, "metric": metric} for pod in "abc" for metric in ("load", "memory")]
    labels += [{"pod": "d", "metric": "load"}]
    found = cohorts(labels, "metric")
    kind, mark = found.of_entities(np.array([0, 0, 1, 1, 2, 2, 3]), 4)
    assert kind[0] == kind[1] == kind[2] != kind[3]
    assert len(set(mark.tolist())) == 4


def test_an_entity_that_has_a_metric_twice_is_like_one_that_has_it_once() -> None:
    labels = [{"pod": "a", "m": "load"}, {"pod": "b", "m": "load", "cpu": "0"}, {"pod": "b", "m": "load", "cpu": "1"}]
    found = cohorts(labels, "m")
    kind, _ = found.of_entities(np.array([0, 1, 1]), 2)
    assert kind[0] == kind[1]


def test_rows_that_are_let_go_are_forgotten() -> None:
    found = cohorts(LABELS, "job", "metric")
    kind = found.kind.copy()
    found.keep_only(np.array([1, 5]))
    assert found.kind.tolist() == [kind[1], kind[5]]
    found.grow(LABELS[:1])
    assert found.kind.tolist() == [kind[1], kind[5], kind[0]]
