"""The shapes of chains; that they mean what the rule means is proven on the engine in test_equivalence.py."""

from __future__ import annotations

from aiops.rules import chain
from aiops.rules.chain import Filter
from aiops.rules.tree import DEFAULT, Matching, Node, Selector, write

A, B, C, D = (Selector(name) for name in "abcd")
ON = Matching(True, ("k",))


def text(node: Node | None) -> str:
    assert node is not None
    return write(node)


def test_of_three_alternatives_the_largest_counts() -> None:
    parts = " or ".join(f'label_replace({name}, "__side__", "{i}", "", "")' for i, name in enumerate("abc"))
    assert text(chain.either([A, B, C])) == f"max without (__side__) ({parts})"


def test_two_plain_alternatives_are_compared() -> None:
    assert text(chain.either([A, B])) == "a >= b or b <= Inf or a"
    assert chain.either([A]) == A


def test_of_filters_that_must_all_pass_the_smallest_counts_where_all_are_numbers() -> None:
    found = text(chain.filtered(A, A, [Filter("and", DEFAULT, B, B), Filter("and", DEFAULT, C, C)]))
    parts = " or ".join(f'label_replace({name} <= Inf, "__side__", "{i}", "", "")' for i, name in enumerate("abc"))
    assert found == f"min without (__side__) ({parts}) and count without (__side__) ({parts}) == 3"


def test_what_must_not_pass_need_not_be_there() -> None:
    found = text(chain.filtered(A, A, [Filter("unless", DEFAULT, B, B), Filter("unless", DEFAULT, C, C)]))
    assert 'label_replace(-(c <= Inf), "__side__", "2", "", "")' in found
    assert found.endswith(" and a <= Inf")


def test_gates_stay_as_they_stand_and_come_last() -> None:
    found = text(chain.filtered(A, A, [Filter("unless", ON, D, None), Filter("and", DEFAULT, B, B)]))
    assert found == "(a <= b or b * group without () (a <= Inf)) unless on (k) d"


def test_a_gate_gets_its_margin_from_what_it_is_joined_with() -> None:
    found = text(chain.filtered(A, None, [Filter("and", ON, B, B)]))
    assert found == "max by (k) (b) * on (k) group_right () group without () (a)"
    assert chain.filtered(A, None, [Filter("unless", ON, B, B), Filter("and", ON, C, None)]) is None


def test_filters_on_the_same_labels_are_joined_before_they_meet_the_rest() -> None:
    found = text(chain.filtered(A, A, [Filter("and", ON, B, B), Filter("and", ON, C, C)]))
    together = "max by (k) (b) <= max by (k) (c) or max by (k) (c) * group without () (max by (k) (b) <= Inf)"
    assert found.startswith(f"a <= on (k) group_left () ({together}) or ")
