"""How far runbooks may go: cautious unless somebody says more."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aiops.config.responses import MODES, ResponseSettings
from aiops.config.settings import Settings


def made(**given: object) -> ResponseSettings:
    return ResponseSettings.model_validate(given)


def test_out_of_the_box_nothing_is_changed_anywhere() -> None:
    assert Settings().responses.ceiling_of({"env": "prod", "team": "sre"}) == "suggest"
    assert MODES.index("suggest") < MODES.index("approve")


def test_the_first_ceiling_that_matches_counts() -> None:
    rules = [{"matchers": ['env="prod"'], "mode": "shadow"}, {"matchers": ['team="sre"'], "mode": "auto"}]
    one = made(ceilings=rules, ceiling="approve")
    warnings = {"env": "prod", "team": "sre"}, {"env": "stage", "team": "sre"}, {"env": "stage"}
    assert [one.ceiling_of(labels) for labels in warnings] == ["shadow", "auto", "approve"]
    where = [one.ceiling_for(labels)[0] for labels in warnings]
    assert where == ["responses.ceilings[0]", "responses.ceilings[1]", "responses.ceiling"]


@pytest.mark.parametrize(
    "wrong", [{"ceiling": "yolo"}, {"ceilings": [{"mode": "auto"}]}, {"loop": 0}, {"storm_percent": 0}, {"x": 1}]
)
def test_what_is_wrong_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)
