"""AIOPS_… variables: which there are, which are mistyped, who gave a value."""

from __future__ import annotations

import pytest

from aiops.config.environment import typed, unknown_variables, variable_of, variables
from aiops.config.settings import Settings


def test_every_setting_has_a_variable_with_its_description() -> None:
    found = variables(Settings)
    assert {"AIOPS_LIMITS__SERIES", "AIOPS_STORE__URL", "AIOPS_WEB__LISTEN", "AIOPS_LOG_LEVEL", "AIOPS_ROUTES"} <= set(found)
    assert "AIOPS_SOURCES__<NAME>__KIND" in found
    assert all(found.values())


@pytest.mark.parametrize(
    "name",
    ["AIOPS_LIMITS__SERIES", "aiops_log_level", "AIOPS_SOURCES__EU__URL", "AIOPS_STAGES__DISK_FULL", "AIOPS_ROUTES", "PATH"],
)
def test_what_names_a_setting_or_is_not_ours_is_left_alone(name: str) -> None:
    assert unknown_variables([name], Settings) == []


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("AIOPS_LIMIT__SERIES", "did you mean AIOPS_LIMITS__SERIES?"),
        ("AIOPS_WEB_LISTEN", "did you mean AIOPS_WEB__LISTEN?"),
        ("AIOPS_LIMITS__SERIES__X", "did you mean AIOPS_LIMITS__SERIES?"),
        ("AIOPS_ROUTES__0__RECEIVER", "AIOPS_"),
        ("AIOPS_", "the nearest known one is"),
    ],
)
def test_what_names_none_is_told_with_the_nearest(name: str, nearest: str) -> None:
    (mistake,) = unknown_variables([name], Settings)
    assert mistake.field == name
    assert nearest in mistake.message


def test_the_variable_that_gave_a_value_is_the_nearest_above_it() -> None:
    environ = {"aiops_Limits": "{}", "AIOPS_SOURCES__EU__STEP": "5"}
    assert variable_of(("limits", "series"), environ) == "aiops_Limits"
    assert variable_of(("sources", "eu", "step"), environ) == "AIOPS_SOURCES__EU__STEP"
    assert variable_of(("sources", "us", "step"), environ) is None


def test_whole_numbers_become_numbers_only_where_the_setting_is_one() -> None:
    assert typed({"series": "5", "seconds": "5"}, Settings.model_fields["limits"].annotation) == {"series": 5, "seconds": "5"}
    assert typed("5_0", int) == "5_0"


def test_true_and_false_come_as_text_too() -> None:
    web = Settings.model_fields["web"].annotation
    assert typed({"open": "true", "listen": "true"}, web) == {"open": True, "listen": "true"}
    assert [typed(one, bool) for one in ("False", "TRUE", "1", "yes")] == [False, True, "1", "yes"]
