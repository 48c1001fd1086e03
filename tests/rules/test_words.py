from __future__ import annotations

import pytest

from aiops.rules import words
from aiops.rules.quantity import words as split

LISTS = {name: value for name, value in vars(words).items() if isinstance(value, frozenset)}


@pytest.mark.parametrize("name", LISTS)
def test_lists_hold_lower_case_words(name: str) -> None:
    assert LISTS[name]
    assert all(word == word.lower() for word in LISTS[name])


@pytest.mark.parametrize("name", ["STATES", "COUNTED", "INSTANTS", "SIGNED", "REALS", "NUMBERED"])
def test_a_word_of_a_name_is_one_word_when_names_are_split(name: str) -> None:
    assert [word for word in LISTS[name] if split(f"a_{word}")[-1] != word] == []


def test_no_word_is_both_many_valued_and_a_state() -> None:
    assert not words.COUNTED & words.STATES
