"""Identity: external labels are merged, replica labels left out, and the same tuple costs one look."""

from __future__ import annotations

import itertools

from aiops.telemetry.identity import identities, with_external

WITHOUT = frozenset({"replica", "prometheus_replica"})


def test_without_external_labels_the_very_same_tuple_comes_back() -> None:
    labels = ({"a": "1"},)
    assert with_external({}, labels) is labels


def test_what_a_series_says_of_itself_counts_before_the_external_label() -> None:
    assert with_external({"cluster": "eu"}, ({"cluster": "own"}, {})) == ({"cluster": "own"}, {"cluster": "eu"})


def test_series_without_a_replica_label_are_their_own_identities() -> None:
    labels = ({"a": "1"}, {"a": "2"})
    found = identities(WITHOUT, labels)
    assert found.labels is labels
    assert found.layers is None


def test_copies_become_one_identity_and_the_same_replica_leads_whatever_the_order() -> None:
    series = ({"a": "1", "replica": "y"}, {"a": "2", "replica": "x"}, {"a": "1", "replica": "x"})
    for order in itertools.permutations(range(3)):
        labels = tuple(series[i] for i in order)
        found = identities(WITHOUT, labels)
        assert sorted(one["a"] for one in found.labels) == ["1", "2"]
        assert all("replica" not in one for one in found.labels)
        assert found.layers is not None
        first = {found.labels[row]["a"]: labels[at]["replica"] for at, row in zip(*map(list, found.layers[0]), strict=True)}
        second = {found.labels[row]["a"]: labels[at]["replica"] for at, row in zip(*map(list, found.layers[1]), strict=True)}
        assert (first, second) == ({"1": "x", "2": "x"}, {"1": "y"})


def test_a_replica_label_that_makes_nothing_equal_is_left_out_all_the_same() -> None:
    found = identities(WITHOUT, ({"a": "1", "prometheus_replica": "x"},))
    assert found.labels == ({"a": "1"},)
    assert found.layers is not None
    assert len(found.layers) == 1


def test_no_series_have_no_identities() -> None:
    assert identities(WITHOUT, ()).labels == ()
