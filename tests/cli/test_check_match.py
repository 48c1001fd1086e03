"""Whether warnings of a card can ever fit a runbook, and what is said where none can."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.cli.check_match import nearest, refusal
from aiops.models.card import load_card
from aiops.runbooks import load_runbook
from tests.cli.test_check import add, check, tree

__all__ = ["tree"]


def test_where_a_card_fits_nothing_is_said(tree: Path) -> None:
    card, runbook = load_card(tree / "cards" / "pool_used_up.yaml"), load_runbook(tree / "runbooks" / "pool.yaml")
    assert refusal(runbook, card) == ""


def test_of_the_cards_the_one_with_its_name_is_nearest_and_without_any_that_is_said(tree: Path) -> None:
    add(tree / "runbooks" / "pool.yaml", "signal: workers_free\n  labels", "card: 'pool*'\n  labels")
    add(tree / "runbooks" / "pool.yaml", "severity: [warning, critical]", "severity: [critical]")
    card, runbook = load_card(tree / "cards" / "pool_used_up.yaml"), load_runbook(tree / "runbooks" / "pool.yaml")
    other = card.model_copy(update={"name": "another"})
    assert nearest(runbook, [other, card], []).startswith("pool_used_up: its severity is one of")
    assert nearest(runbook, [], []) == "there are no cards"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("kind: forecast\n", "kind: threshold\n", "it gives no warning of kind threshold"),
        ("lead_time: {min: 10m, max: 12h}", "lead_time: {min: 2d}", "it looks 1d ahead, not 2d"),
        ("severity: [warning, critical]", "severity: [critical]", "its severity is one of info, warning"),
        ("signal: workers_free\n  labels", "signal: worker_free\n  labels", "did you mean workers_free?"),
        ("signal: workers_free\n  labels", "signal: workers_free\n  card: 'x*'\n  labels", "its name does not fit x*"),
    ],
)
def test_a_runbook_that_nothing_ever_reaches_says_which_line(tree: Path, old: str, new: str, why: str) -> None:
    add(tree / "runbooks" / "pool.yaml", old, new)
    code, lines = check("--config", "aiops.yaml")
    assert code == 1
    assert lines[-1].startswith(f"{tree}/runbooks/pool.yaml:8:1: match: no card ever leads here")
    assert why in lines[-1]


def test_shipped_runbooks_that_own_cards_do_not_need_are_no_mistake_of_theirs(tree: Path) -> None:
    add(tree / "aiops.yaml", "runbooks: [runbooks]\n", "")
    add(tree / "cards" / "pool_used_up.yaml", "signal: workers_free\n", "signal: filesystem_free_ratio\n")
    add(tree / "cards" / "pool_used_up.yaml", "[service]", "[instance, mountpoint]")
    assert check("--config", "aiops.yaml") == (0, ["ok: config, cards and runbooks"])
    add(tree / "cards" / "pool_used_up.yaml", "signal: filesystem_free_ratio\n", "signal: workers_free\n")
    code, lines = check("--config", "aiops.yaml")
    assert (code, len(lines)) == (1, 1)
    assert "no runbook says what to do about workers_free" in lines[0]
