"""Which units there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.quantity import RATIO, quantity
from aiops.core.units import mistaken
from aiops.rules import unit
from tests.core.test_quantity import UNITS


@pytest.mark.parametrize(
    "written",
    [*UNITS, "1/s", "s/s", "/s", "kBy", "MiBy/s", "ms", "us", "dB", "kg.m/s2", "By.s-1", "m2{area}", "{a/b}/min", "10*3",
     "mm[Hg]", "[degF]/h", "[in_i]", "[in_i/x].s", "100", "Cel/d"],
)  # fmt: skip
def test_what_ucum_has_stays_as_it_is(written: str) -> None:
    assert mistaken(written) == ""


@pytest.mark.parametrize("derived", [RATIO, *(f"{one}{per}" for one in unit._ENDINGS.values() for per in ("", "/s"))])
def test_what_names_of_metrics_tell_is_one(derived: str) -> None:
    assert mistaken(derived) == ""


@pytest.mark.parametrize(
    ("written", "instead"),
    [("furlongs", "{furlongs}, {furlongs}/s"), ("requests/s", "{requests}"), ("bytes", "write By"), ("By/sec", "write s"),
     ("MB", "write MBy"), ("percent", "write %"), ("°C", "write Cel"), ("kg/(m.s2)", "'(m' is no unit"),
     ("By/", "'By/' is no unit"), ("{open", "'{open' is no unit"), ("0", "'0' is no unit"), ("s//s", "'s//s' is no unit"),
     ("", "'' is no unit"), ("a b", "'a b' is no unit"), ("kmin", "'kmin' is no unit")],
)  # fmt: skip
def test_what_is_none_is_told_with_what_to_write(written: str, instead: str) -> None:
    found = mistaken(written)
    assert "is no unit of UCUM" in found
    assert instead in found


def test_a_long_text_is_not_read() -> None:
    assert "at most 60 characters" in mistaken("." * 10**6)


@given(st.text("sByk1{}[]./%mhd2-*^", max_size=30))
def test_any_text_is_read_and_a_unit_can_be_shown(text: str) -> None:
    if not mistaken(text):
        assert text.strip()
        assert quantity(3.0, text)
