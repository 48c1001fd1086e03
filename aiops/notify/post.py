"""One request to a receiver: bounded, trusted, logged in; and what its answer means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self

import httpx2
from pydantic import Field, model_validator

from aiops.core.errors import NotifyError, RetryLater
from aiops.core.params import Params
from aiops.core.text import visible

ANSWER_AT_MOST, WAIT_AT_MOST_S = 4000, 900.0


class PostParams(Params):
    """Where a receiver is, how long it may take, how to log in, whom to trust."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", description="where the receiver listens")
    timeout: float = Field(5.0, gt=0, le=60, description="seconds one request may take")
    username: str = Field("", description="for basic authentication")
    password_file: Path | None = Field(None, description="a file with the password")
    bearer_token_file: Path | None = Field(None, description="a file with a bearer token")
    ca_file: Path | None = Field(None, description="a private certificate authority")

    @model_validator(mode="after")
    def _one_whole_login(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file belong together: set both or neither")
        if self.username and self.bearer_token_file:
            raise ValueError("username and bearer_token_file exclude each other: remove one")
        return self


class Post:
    """Posts bodies to one receiver.

    The timeout bounds a whole request; nothing is redirected. Refused for good (3xx, and 4xx but 408 and 429): NotifyError;
    anything else: RetryLater, honouring Retry-After up to 15 min.
    """

    def __init__(self, params: PostParams) -> None:
        self._params = params
        self._trusted: ssl.SSLContext | None = None

    def send(self, where: str, content: bytes, headers: Mapping[str, str], now_s: float) -> None:
        """Post `content` to the address `where`. Raises NotifyError or RetryLater; messages name the receiver's host and no more
        of its address, for the rest of it may be a key."""
        url = "/".join(self._params.url.split("/", 3)[:3]).partition("?")[0]
        try:
            status, after, said = asyncio.run(self._post(where, content, headers))
        except TimeoutError as e:
            raise RetryLater(f"{url}: no answer within {self._params.timeout:g} s") from e
        except httpx2.HTTPError as e:
            raise RetryLater(f"{url}: {type(e).__name__}: {e}") from e
        except OSError as e:
            raise RetryLater(f"{e.filename or url}: {e.strerror or e}") from e
        if status in (408, 429) or status >= 500:
            raise RetryLater(f"{url}: HTTP {status}", _seconds(after, now_s))
        if status >= 300:
            raise NotifyError(f"{url}: HTTP {status}: {visible(said)}")

    async def _post(self, where: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, str, str]:
        """(status, Retry-After, the beginning of the answer), all of it within the timeout."""
        async with (
            asyncio.timeout(self._params.timeout),
            httpx2.AsyncClient(verify=self._trust(), trust_env=False, timeout=self._params.timeout) as client,
            client.stream("POST", where, content=content, headers={**headers, **self._login()}) as answer,
        ):
            said = b""
            async for chunk in answer.aiter_raw():
                said += chunk
                if len(said) >= ANSWER_AT_MOST:
                    break
            return answer.status_code, answer.headers.get("Retry-After", ""), said[:ANSWER_AT_MOST].decode("utf-8", "replace")

    def _trust(self) -> ssl.SSLContext | bool:
        """Whom to believe; costly to make, so made once, and only where the address asks for it."""
        if not self._params.url.startswith("https"):
            return False
        if self._trusted is None:
            ca = self._params.ca_file  # read here, so that an error names it
            self._trusted = (
                ssl.create_default_context(cadata=ca.read_text()) if ca else httpx2.create_ssl_context(trust_env=False)
            )
        return self._trusted

    def _login(self) -> dict[str, str]:
        params = self._params
        if params.bearer_token_file:
            return {"Authorization": f"Bearer {params.bearer_token_file.read_text().strip()}"}
        if params.username and params.password_file:
            auth = httpx2.BasicAuth(params.username, params.password_file.read_text().strip())
            return {"Authorization": next(auth.auth_flow(httpx2.Request("GET", params.url))).headers["Authorization"]}
        return {}


def _seconds(header: str, now_s: float) -> float | None:
    """Retry-After, in seconds or as a date; None when it says neither."""
    try:
        wait = float(header) if header.isdecimal() else parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp() - now_s
    except ValueError:
        return None
    return min(max(wait, 0.0), WAIT_AT_MOST_S)
