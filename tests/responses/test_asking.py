"""What is said of a plan that is no longer the same; asking itself is tested with what people say."""

from __future__ import annotations

from aiops.responses.asking import difference

LOOK, FIX = {"id": "look", "what": "df /"}, {"id": "fix", "what": "rm /tmp/a"}


def test_the_first_step_that_differs_is_named_with_both_forms() -> None:
    assert difference([LOOK, FIX], [LOOK, {**FIX, "what": "rm /tmp/b"}]) == "fix was rm /tmp/a, is rm /tmp/b"


def test_more_or_fewer_steps_are_other_steps() -> None:
    assert difference([LOOK, FIX], [LOOK]) == "other steps"
