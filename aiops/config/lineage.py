"""`lineage` of the configuration: where it is told, as OpenLineage, what was made of which data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from aiops.config.fields import Duration, FileName, Found, Strict, login_mistakes


class LineageSettings(Strict):
    """A file, a server, or both."""

    file: FileName | None = Field(None, description="a file to which each event is appended, one a line")
    url: str = Field(
        "", pattern=r"^(https?://[^\s/@]+(/\S*)?)?$", description="where a server takes events, for example …/api/v1/lineage"
    )
    timeout: Duration = Field(5.0, gt=0, le=60, description="time one request may take")
    username: str = Field("", description="for basic authentication")
    password_file: FileName | None = Field(None, description="a file with the password")
    bearer_token_file: FileName | None = Field(None, description="a file with a bearer token")
    ca_file: FileName | None = Field(None, description="a private certificate authority")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Neither a file nor a server, half a login, two of them."""
        if not raw.get("file") and not raw.get("url"):
            yield ("file",), "name a file, a url, or both: events go nowhere"
        yield from login_mistakes(raw)
