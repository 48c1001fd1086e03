"""Text to the nearest float64, to the bit as `float` has it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telemetry.kernels import loaded


@pytest.fixture(scope="module")
def kernels() -> Any:
    loaded()
    from aiops.telemetry import fast_float

    return fast_float


def bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def agrees(kernels: Any, w: int, q: int) -> bool:
    """Whether it was read; what was read must be right."""
    state, found = kernels.nearest(np.uint64(w), q)
    assert state in (kernels.READ, kernels.LATER)
    if state == kernels.READ:
        assert int(found) == bits(float(f"{w}e{q}")), f"{w}e{q}"
    return bool(state == kernels.READ)


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(-400, 400))
def test_any_digits_and_power_are_read_right_or_left_to_float(kernels: Any, w: int, q: int) -> None:
    agrees(kernels, w, q)


@settings(max_examples=2000, deadline=None)
@given(st.floats(1e-300, 1e300))
def test_the_shortest_text_of_every_ordinary_float_is_read(kernels: Any, value: float) -> None:
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    assert agrees(kernels, int(mantissa.replace(".", "")), int(exponent) - 16)


@settings(max_examples=1000, deadline=None)
@given(st.integers(2**52, 2**53 - 1), st.integers(0, 10))
def test_what_lies_exactly_in_the_middle_goes_to_the_even_one(kernels: Any, mantissa: int, shift: int) -> None:
    """2·m + 1 halves of the last place, as an integer and with a decimal."""
    assert agrees(kernels, 2 * mantissa + 1, 0)
    assert agrees(kernels, 10 * mantissa + 5, -1)
    assert agrees(kernels, (2 * mantissa + 1) << shift, 0)


@pytest.mark.parametrize("q", [-343, -342, -65, -28, -27, -26, -5, -4, -1, 0, 1, 22, 23, 24, 55, 56, 289, 308, 309])
def test_the_edges_of_the_table_of_powers(kernels: Any, q: int) -> None:
    for w in (1, 9, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 9007199254740993, 17976931348623157):
        agrees(kernels, w, q)


def test_zero_is_zero_and_too_large_or_subnormal_is_left_to_float(kernels: Any) -> None:
    assert kernels.nearest(np.uint64(0), 400) == (kernels.READ, 0)
    for w, q in ((1, 309), (17976931348623159, 292), (49, -325), (1, -342)):
        assert kernels.nearest(np.uint64(w), q)[0] == kernels.LATER
    assert agrees(kernels, 17976931348623157, 292)
    assert agrees(kernels, 22250738585072014, -324)
