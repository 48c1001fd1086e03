"""What every receiver in the catalogue keeps to."""

from __future__ import annotations

import pytest

from aiops import plugins
from aiops.notify.interface import Notifier
from tests.notify.samples import Hand


@pytest.mark.parametrize("kind", plugins.BUILT_IN["notifiers"])
def test_a_receiver_says_what_it_does_and_where_that_stands(kind: str) -> None:
    found = plugins.load("notifiers", kind)
    assert issubclass(found, Notifier)
    assert "Source:" in found.__doc__
    assert ">>>" in found.__doc__
    assert "send" in vars(found)
    assert all(field.description for field in found.Params.model_fields.values())


@pytest.mark.parametrize("kind", plugins.BUILT_IN["notifiers"])
def test_what_stays_here_is_not_renewed(kind: str) -> None:
    found = plugins.load("notifiers", kind)
    assert not (found.local and found.renewed)


def test_by_default_a_receiver_is_elsewhere_and_is_told_each_thing_once() -> None:
    assert (Hand.local, Hand.renewed) == (False, False)
