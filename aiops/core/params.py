"""The base of every plug-in's parameters."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Parameters of a plug-in: unknown keys are refused, every field carries a description, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
