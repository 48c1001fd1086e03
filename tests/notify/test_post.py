"""One request to a receiver: what it carries, and what each answer means."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.errors import NotifyError, RetryLater
from aiops.notify.post import WAIT_AT_MOST_S, Post, PostParams
from aiops.notify.relay import Relay
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.store import Store
from tests.faults.test_notify_n import NOW, Receiver, put, said
from tests.faults.test_notify_n import receiver as receiver
from tests.faults.test_notify_n import store as store
from tests.notify.hostile import answering, plain


def sent(answer: bytes, tmp_path: Path | None = None) -> bytes:
    """The request that a receiver got."""
    with answering(answer) as server:
        given = {"url": server.url}
        if tmp_path is not None:
            (tmp_path / "token").write_text("secret\n")
            given["bearer_token_file"] = str(tmp_path / "token")
        Post(PostParams.model_validate(given)).send(f"{server.url}/in", b'{"a":1}', {"Content-Type": "application/json"}, 0.0)
    return server.requests[0]


def test_a_body_is_posted_as_it_is(tmp_path: Path) -> None:
    request = sent(plain("200 OK"), tmp_path)
    assert request.startswith(b"POST /in HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a":1}')
    assert b"authorization: bearer secret\r\n" in request.lower()


@pytest.mark.parametrize(
    ("status", "error"),
    [("301 Moved", NotifyError), ("400 Bad", NotifyError), ("413 Large", NotifyError), ("408 Slow", RetryLater),
     ("429 Many", RetryLater), ("500 Oops", RetryLater)],
)  # fmt: skip
def test_what_no_retry_helps_is_told_apart(status: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"HTTP {status[:3]}"):
        sent(plain(status))


def test_an_absurd_wait_is_capped() -> None:
    answer = plain("429 Many").replace(b"\r\n\r\n", b"\r\nRetry-After: 315360000\r\n\r\n")
    with pytest.raises(RetryLater) as told:
        sent(answer)
    assert told.value.after_s == WAIT_AT_MOST_S


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(RetryLater):
        Post(PostParams(url="http://127.0.0.1:1")).send("http://127.0.0.1:1/", b"", {}, 0.0)


@pytest.mark.parametrize(("given", "said"), [({"username": "a"}, "belong together"), ({"url": "ftp://x"}, "pattern")])
def test_a_login_is_whole_and_an_address_is_one(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PostParams.model_validate({"url": "http://x", **given})


@pytest.mark.parametrize("status", [404, 503])
@pytest.mark.row("X15")
def test_a_secret_of_a_receiver_is_kept_nowhere(
    tmp_path: Path, store: Store, receiver: Receiver, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    canary, file = "c4n4ry-of-a-receiver", tmp_path / "secret"
    file.write_text(canary)
    put(store, 1, NOW)
    receiver.answer = lambda handler, key: said(handler, status)
    params = WebhookParams(url=f"{receiver.url}{canary}?key={canary}", secret_file=file, bearer_token_file=file)
    relay = Relay(store, {"am": WebhookNotifier("am", params)})
    result = relay.run_once(NOW)
    assert result.dead + result.retried == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert f"HTTP {status}".encode() in kept
    assert canary.encode() not in kept
    assert canary not in "".join(capfd.readouterr())
