"""Durations as Prometheus writes them, and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.durations import LONGEST_S, rfc3339, seconds, text


@pytest.mark.parametrize(
    ("written", "expected"),
    [("0s", 0.0), ("250ms", 0.25), ("90s", 90.0), ("1h30m", 5400.0), ("7d", 604800.0), ("2w", 1209600.0), ("1y", 31536000.0)],
)
def test_durations_are_read(written: str, expected: float) -> None:
    assert seconds(written) == expected


@pytest.mark.parametrize("written", ["", "5", "m", "5 m", "-5m", "1.5h", "5M", "5min", "1h 30m", "٣m", "5m\n", "inf", "1e3s"])
def test_what_is_no_duration_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ValueError, match="for example 90s or 1h30m"):
        seconds(written)


@pytest.mark.parametrize("written", ["101y", "9" * 16 + "s", "9" * 400 + "y", "1s" + "9" * 5000 + "ms", "0" * 16 + "1s"])
def test_what_is_too_long_is_refused_and_not_shown_whole(written: str) -> None:
    with pytest.raises(ValueError, match="longer than 100y") as refused:
        seconds(written)
    assert len(str(refused.value)) < 150


@given(st.text(alphabet="0123456789smhdwy. -", max_size=30))
def test_any_text_is_a_bounded_span_or_a_value_error(written: str) -> None:
    try:
        found = seconds(written)
    except ValueError:
        return
    assert 0 <= found <= LONGEST_S


@given(st.integers(0, 10**9))
def test_what_is_shown_is_never_longer_than_the_span_and_keeps_two_units(span: int) -> None:
    shown = seconds(text(span))
    assert shown <= span
    assert span - shown < (1 if span < 3600 else 60 if span < 86400 else 3600)


def test_short_and_negative_spans_are_shown() -> None:
    assert [text(0.9), text(59), text(-3700), text(86400 + 61)] == ["0s", "59s", "-1h1m", "1d1m"]


def test_times_are_utc_whatever_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert rfc3339(1_700_000_000.9) == "2023-11-14T22:13:20Z"
