"""What the engine asks of its surroundings is what the pipeline gives."""

from __future__ import annotations

import inspect

import pytest

from aiops.pipeline.respond import Around
from aiops.responses.world import World

ASKED = [name for name, one in vars(World).items() if inspect.isfunction(one) and not name.startswith("_")]


@pytest.mark.parametrize("name", ASKED)
def test_every_question_can_be_asked_as_it_is_meant(name: str) -> None:
    assert list(inspect.signature(getattr(World, name)).parameters) == list(inspect.signature(getattr(Around, name)).parameters)


def test_there_is_something_to_ask() -> None:
    assert len(ASKED) == 10
