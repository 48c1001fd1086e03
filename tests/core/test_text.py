"""Text from outside stays on one line and in bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.text import visible


@given(st.text(max_size=500), st.integers(2, 100))
def test_what_is_shown_is_printable_and_no_longer_than_asked(value: str, shown: int) -> None:
    found = visible(value, shown)
    assert len(found) <= shown
    assert found.isprintable()


@pytest.mark.parametrize("value", ["/var/lib", "größe", "日本", ""])
def test_plain_text_stays_as_it_is(value: str) -> None:
    assert visible(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\nb", "a\\nb"), ("a\r\x1b[31m", "a\\r\\x1b[31m"), ("abc\u202e", "abc\\u202e"), ("\ud800", "\\ud800"), ("\0", "\\x00")],
)
@pytest.mark.row("A10")
def test_what_moves_the_cursor_or_turns_the_line_is_escaped(value: str, expected: str) -> None:
    assert visible(value) == expected


def test_a_cut_is_marked() -> None:
    assert visible("abcdef", 4) == "abc…"
    assert visible("abcd", 4) == "abcd"
    assert visible("a" * 10_000).endswith("…")
