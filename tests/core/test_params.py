"""Parameters of plug-ins."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from aiops.core.params import Params


class Two(Params):
    """Two parameters."""

    share: float = Field(0.5, ge=0, le=1, description="of all")
    name: str = Field("", description="what it is called")


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="shaer"):
        Two.model_validate({"shaer": 0.1})


def test_a_value_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Two(share=2)


def test_values_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Two().share = 0.2  # type: ignore[misc]
