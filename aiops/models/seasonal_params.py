"""What can be set of the default detector."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from aiops.core.params import Params
from aiops.core.zones import known_zone


class SeasonalParams(Params):
    """Parameters of `Seasonal`."""

    short_s: float = Field(1800.0, gt=0, description="time constant of the short level and of the spread, seconds")
    medium_s: float = Field(
        10800.0, gt=0, description="time constant of the level beside the time-of-day profile, seconds"
    )
    recent_s: float = Field(600.0, gt=0, description="time constant of the mean departure called drift, seconds")
    shift_s: float = Field(3600.0, gt=0, description="time constant of the departure from the anchor called shift, seconds")
    creep_s: float = Field(86400.0, gt=0, description="time constant of the departure from the anchor called creep, seconds")
    memory_s: float = Field(172800.0, gt=0, description="time constant of the residuals' shorter scale, seconds")
    anchor_s: float = Field(
        2592000.0, gt=0, description="time constant of the anchored baseline and of the residuals' longer scale, seconds"
    )
    block_s: int = Field(
        900, ge=60, le=21600, description="length of the looks whose largest residuals make the scale, seconds"
    )
    warmup_s: float = Field(3600.0, gt=0, description="time learnt before anything is scored, seconds")
    warmup_points: int = Field(60, ge=8, description="points learnt before anything is scored")
    floor: float = Field(0.2, ge=0, description="smallest scale, as a share of the series' own standard deviation")
    young: float = Field(4.0, ge=0, description="after n blocks scales are wider by the factor 1 + young / n")
    profile_rate: float = Field(0.1, gt=0, le=1, description="weight of the newest day in the time-of-day profile")
    cap: float = Field(200.0, gt=1, description="largest ratio of a residual to its scale that is told apart")
    growth: float = Field(4.5, gt=1, description="how many times as large one block makes a scale at most")
    still_s: float = Field(
        1800.0, gt=0, description="smallest scale of how long a moving series stands still, seconds; six steps at least"
    )
    moving: float = Field(0.97, gt=0, le=1, description="share of blocks in which a series that is called moving moved")
    creep_floor: float = Field(2.0, ge=0, description="smallest scale of creep, in usual changes from one day to the next")
    creep_cap: float = Field(1.3, gt=1, description="largest ratio of creep to its scale that is learnt: it never gets usual")
    time_zone: str = Field("UTC", description="whose clock the course of the day follows, for example Europe/Berlin")
    weekend: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field((5, 6), description="free weekdays, 0 is Monday")
    holidays: tuple[date, ...] = Field((), description="more free days; they follow the course of a weekend")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        known_zone(value)
        return value
