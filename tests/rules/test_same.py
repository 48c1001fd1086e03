"""When two rules speak of one quantity."""

from __future__ import annotations

import pytest

from aiops.rules.same import quantity, same

DISK = ["instance", "mountpoint", "fstype"]
SHARE = 'avail{fstype!=""} / size{fstype!=""} * 100'


def test_matchers_on_what_it_is_measured_of_change_nothing_and_others_do() -> None:
    assert quantity(SHARE, DISK) == ["avail", "size"]
    assert quantity('rate(cpu{mode="idle"}[5m])', ["instance"]) == ['cpu{mode="idle"}']
    assert quantity('rate(cpu{mode="idle"}[5m])', ["instance", "mode"]) == ["cpu"]


def test_what_is_no_promql_has_no_quantity() -> None:
    assert quantity("avail /", DISK) == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (SHARE, "avail / size", True),
        (SHARE, "avail", True),
        (SHARE, "files_free / files", False),
        (SHARE, "inodes / size", False),
        ('rate(cpu{mode="idle"}[5m])', 'rate(cpu{mode="iowait"}[5m])', False),
        ("1", "avail", False),
    ],
)
def test_one_quantity_or_a_part_of_it(one: str, other: str, is_same: bool) -> None:
    assert same(quantity(one, DISK), quantity(other, DISK)) is is_same
    assert same(quantity(other, DISK), quantity(one, DISK)) is is_same
