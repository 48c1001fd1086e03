"""How often it may run: pure decisions over what was charged before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiops.responses.limits import Refused, looks_back_s, refused
from aiops.responses.procedure import Limits
from aiops.responses.world import Spread
from aiops.store.response_rows import Charge

HOUR = 3600.0
LIMITS = Limits("instance", HOUR, 2, 24 * HOUR, 3, None, HOUR)
NEW = Charge("new", "mend", "t1", "instance", 100 * HOUR, HOUR)
FEW = Spread(1, 100)


def charge(hours_ago: float, **more: Any) -> Charge:
    at = NEW.at_s - hours_ago * HOUR
    return replace(Charge(f"r{hours_ago}", "mend", "t1", "instance", at, HOUR, at + 60), **more)


def judged(*found: Charge, limits: Limits = LIMITS, spread: Spread = FEW, loop: int = 6) -> Refused | None:
    return refused(limits, NEW, sorted(found, key=lambda c: c.at_s), spread, loop, 50.0)


def because(*found: Charge, **more: Any) -> str | None:
    no = judged(*found, **more)
    return None if no is None else no.because


def test_the_first_time_nothing_stands_against_it() -> None:
    assert judged() is None


def test_the_cooldown_counts_from_the_end() -> None:
    assert because(charge(0.9)) == "cooldown"
    assert because(charge(1.5, ended_s=NEW.at_s - 0.5 * HOUR)) == "cooldown"
    assert because(charge(1.1)) is None


def test_another_response_on_the_target_is_waited_for() -> None:
    no = judged(charge(5, ended_s=None, runbook="other"))
    assert no is not None
    assert no.wait


def test_runs_that_did_not_help_for_good_are_counted() -> None:
    assert because(charge(20), charge(10)) == "max_runs"
    assert because(charge(25), charge(10)) is None
    assert because(charge(20), charge(10, waived=True)) is None
    assert because(charge(20, good=True, back=True), charge(10)) == "max_runs"


def test_a_success_whose_cooldown_stayed_quiet_begins_the_count_anew() -> None:
    assert because(charge(20), charge(10, good=True)) is None
    assert because(charge(20), charge(15), charge(10, good=True), charge(2)) is None
    assert because(charge(20, good=True), charge(19.5), charge(10)) == "max_runs", "it came back before the cooldown was over"


def test_every_refusal_for_the_same_runs_is_one() -> None:
    first, later = judged(charge(20), charge(10)), judged(charge(19), charge(10))
    assert first is not None
    assert later is not None
    assert first.key == later.key == "max_runs:r10"


def test_targets_are_counted_over_all_runbooks_that_change_their_kind() -> None:
    others = [charge(0.1, run_id=f"o{n}", target=f"t{n}", runbook=f"b{n}", ended_s=NEW.at_s) for n in (2, 3, 4)]
    assert because(*others[:2]) is None
    assert because(*others) == "max_targets"
    assert because(*(replace(c, kind="pod") for c in others)) is None
    assert because(*(replace(c, at_s=NEW.at_s - 2 * HOUR) for c in others)) is None


@pytest.mark.parametrize(("there", "wanted"), [(100, None), (20, "max_targets"), (None, "max_targets")])
def test_a_share_is_of_all_targets_there_are(there: int | None, wanted: str | None) -> None:
    limits = replace(LIMITS, max_targets=None, max_percent=5.0)
    assert because(charge(0.1, run_id="o", target="t2"), limits=limits, spread=Spread(1, there)) == wanted


@pytest.mark.parametrize(
    ("showing", "there", "wanted"),
    [(60, 100, "storm"), (50, 100, None), (4, 4, None), (5, 5, "storm"), (60, None, None)],
)
def test_what_most_targets_show_is_no_matter_of_single_ones(showing: int, there: int | None, wanted: str | None) -> None:
    assert because(spread=Spread(showing, there)) == wanted


def test_runbooks_that_set_each_other_off_are_stopped() -> None:
    limits = Limits("instance")
    here = [charge(0.1 * n, run_id=f"l{n}", runbook="ab"[n % 2]) for n in range(1, 5)]
    assert because(*here, limits=limits, loop=5) is None
    no = judged(*here, limits=limits, loop=4)
    assert no is not None
    assert (no.because, "a, b" in no.why) == ("loop", True)


def test_it_looks_back_as_far_as_its_longest_limit() -> None:
    assert looks_back_s(LIMITS) == 25 * HOUR
