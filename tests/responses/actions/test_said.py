"""What targets say, capped and read."""

from __future__ import annotations

import pytest

from aiops.responses.actions.said import KEPT, NoJson, cut, parsed


def test_a_cut_inside_a_character_leaves_valid_text() -> None:
    text, more = cut("é".encode() * KEPT)
    assert more
    assert text == "é" * (KEPT // 2)
    assert cut("éé".encode(), 3) == ("é\ufffd", True)


def test_what_fits_is_whole() -> None:
    assert cut(b"x" * KEPT) == ("x" * KEPT, False)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN", "[Infinity]", "1" * 5000, "{'a': 1}", "\ud800"])
def test_no_json_is_told_in_short(text: str) -> None:
    with pytest.raises(NoJson) as e:
        parsed(text)
    assert len(str(e.value)) <= 200


def test_json_is_read() -> None:
    assert parsed(' {"a": [1, "é", null]}\n') == {"a": [1, "é", None]}
