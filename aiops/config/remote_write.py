"""`remote_write` of the configuration: where what models say of every series is written as series of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from aiops.config.fields import Duration, FileName, Found, Strict, login_mistakes
from aiops.config.routing import LABEL


class RemoteWrite(Strict):
    """A server that takes Prometheus' remote write."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", description="where it takes it, for example …/api/v1/write")
    every: Duration = Field(60.0, ge=5, le=3600, description="how often what is new is written")
    timeout: Duration = Field(10.0, gt=0, le=60, description="time one request may take")
    username: str = Field("", description="for basic authentication")
    password_file: FileName | None = Field(None, description="a file with the password")
    bearer_token_file: FileName | None = Field(None, description="a file with a bearer token")
    ca_file: FileName | None = Field(None, description="a private certificate authority")
    labels: dict[str, str] = Field(default_factory=dict, description="labels of every series that is written")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Half a login, two of them, labels that are none."""
        yield from login_mistakes(raw)
        labels = raw.get("labels")
        for name in labels if isinstance(labels, dict) else ():
            if not re.fullmatch(LABEL, str(name)):
                yield ("labels", name), "is no name of a label; write letters, digits and _"
