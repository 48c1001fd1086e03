"""Time zones are known by name, and nothing else is."""

from __future__ import annotations

import pytest

from aiops.core.zones import known_zone


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_a_name_gives_its_zone(name: str) -> None:
    assert known_zone(name).key == name


@pytest.mark.parametrize("name", ["Mars", "", "../../etc/passwd", "Europe", "x" * 500, "\0"])
def test_anything_else_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone; write an IANA name") as told:
        known_zone(name)
    assert len(str(told.value)) < 200
