"""Errors say what, where and what to do."""

from __future__ import annotations

import pytest

from aiops.core.errors import AiopsError, FileError, Mistake, NotifyError, RetryLater, SourceError, StoreError


def test_a_mistake_prints_as_editors_read_it() -> None:
    assert str(Mistake("a.yaml", 3, 7, "limits.series", "must be positive")) == "a.yaml:3:7: limits.series: must be positive"
    assert str(Mistake("a.yaml", 1, 1, "", "holds nothing")) == "a.yaml:1:1: holds nothing"


def test_a_file_error_tells_all_mistakes_in_order() -> None:
    second, first = Mistake("b.yaml", 1, 1, "x", "no"), Mistake("a.yaml", 10, 1, "y", "no")
    error = FileError([second, first, Mistake("a.yaml", 9, 1, "z", "no")])
    assert [m.line for m in error.mistakes] == [9, 10, 1]
    assert len(str(error).splitlines()) == 3


def test_a_source_error_names_the_source_and_one_of_the_known_kinds() -> None:
    error = SourceError("prod", "timeout", "no answer in 10s")
    assert (str(error), error.kind) == ("source prod: timeout: no answer in 10s", "timeout")
    with pytest.raises(ValueError, match="'slow' is no kind of SourceError; known: unreachable"):
        SourceError("prod", "slow", "no")


def test_a_receiver_may_say_how_long_to_wait() -> None:
    assert RetryLater("busy", 30.0).after_s == 30.0
    assert RetryLater("busy").after_s is None


@pytest.mark.parametrize("kind", [FileError, NotifyError, RetryLater, SourceError, StoreError])
def test_whatever_crosses_a_room_can_be_caught_as_one(kind: type[Exception]) -> None:
    assert issubclass(kind, AiopsError)
