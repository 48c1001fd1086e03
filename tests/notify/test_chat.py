"""Chat, mail and pagers through Apprise: the real library against a server here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.core.errors import AiopsError, RetryLater
from aiops.notify.bundle import bundled
from aiops.notify.chat import ChatNotifier, ChatParams, defused, mark
from aiops.notify.png import png
from tests.notify.hostile import Hostile, answering, plain
from tests.notify.samples import OPENED_S, closed, message, warning
from tests.notify.sinks import wire
from tests.notify.test_alertmanager_responses import RUN
from tests.notify.test_alertmanager_responses import message as response
from tests.notify.test_plot import made

# Apprise imports a module of the standard library that Python 3.13 leaves out
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def server() -> Iterator[Hostile]:
    with answering(plain("200 OK")) as found:
        yield found


def chat(tmp_path: Path, *lines: str) -> ChatNotifier:
    (tmp_path / "urls").write_text("\n".join(lines))
    return ChatNotifier("chat", ChatParams(urls_file=tmp_path / "urls"))


def address(server: Hostile) -> str:
    return server.url.replace("http://", "json://")


def body(request: bytes) -> dict[str, Any]:
    return dict(json.loads(request.partition(b"\r\n\r\n")[2]))


def test_title_and_text_arrive_as_they_are(tmp_path: Path, server: Hostile) -> None:
    said = message("opened", warning())
    chat(tmp_path, "# a comment", "", address(server)).send(said, "k", OPENED_S)
    got = body(server.requests[0])
    assert (got["title"], got["type"]) == (said["title"], "warning")
    assert got["message"].splitlines()[0] == said["text"].splitlines()[0]
    assert "More: aiops warnings show" in got["message"]


def test_what_came_true_ends_as_a_failure(tmp_path: Path, server: Hostile) -> None:
    to = chat(tmp_path, address(server))
    to.send(message("closed", closed(OPENED_S + 60, verdict="hit")), "k", OPENED_S)
    to.send(message("closed", closed(OPENED_S + 60, verdict="false")), "k", OPENED_S)
    assert [body(one)["type"] for one in server.requests] == ["failure", "info"]


def test_labels_call_nobody(tmp_path: Path, server: Hostile) -> None:
    entity = {"instance": "<!channel> @here <@U123> a@b"}
    chat(tmp_path, address(server)).send(message("opened", warning(entity=entity)), "k", OPENED_S)
    got = body(server.requests[0])
    for shown in (got["title"], got["message"]):
        assert not [call for call in ("<!channel>", "@here", "<@U123>") if call in shown]
    assert defused("mail to a.b at 5 < 6") == "mail to a.b at 5 < 6"


def test_overlong_texts_are_cut_with_a_mark(tmp_path: Path, server: Hostile) -> None:
    said = message("opened", warning()) | {"text": "x" * 100_000, "title": "y" * 1000}
    chat(tmp_path, address(server)).send(said, "k", OPENED_S)
    got = body(server.requests[0])
    assert (len(got["title"]), len(got["message"])) == (250, 6000)
    assert got["message"].endswith("…")


@pytest.mark.parametrize("pictures", [True, False])
def test_who_shows_images_gets_the_series_drawn(tmp_path: Path, server: Hostile, pictures: bool) -> None:
    (tmp_path / "urls").write_text(address(server))
    to = ChatNotifier("chat", ChatParams(urls_file=tmp_path / "urls", pictures=pictures))
    said = message("opened", warning())
    to.send(said, "k", OPENED_S)
    to.send(said | {"picture": made().as_json() | {"labels": {}}}, "k", OPENED_S)
    bare, drawn = (body(one)["attachments"] for one in server.requests)
    assert bare == []
    assert [(one["mimetype"], base64.b64decode(one["base64"])) for one in drawn] == [("image/png", png(made()))] * pictures


def test_what_is_not_taken_is_tried_again(tmp_path: Path, server: Hostile) -> None:
    with answering(plain("500 Oops")) as bad, pytest.raises(RetryLater, match="not taken by all of 2 services"):
        chat(tmp_path, address(server), address(bad)).send(message("opened", warning()), "k", OPENED_S)


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["hunter2"], "urls:1: is no Apprise URL"), ([""], "holds no Apprise URL"), (["#", "x://hunter2"], "urls:2")],
)
def test_a_line_that_is_no_address_is_named_and_not_shown(
    tmp_path: Path, lines: list[str], said: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AiopsError, match=said) as told:
        chat(tmp_path, *lines)
    shown = capfd.readouterr()
    assert "hunter2" not in str(told.value) + shown.out + shown.err + caplog.text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AiopsError, match="urls cannot be read: No such file"):
        ChatNotifier("chat", ChatParams(urls_file=tmp_path / "urls"))


PAGER, DISCORD = f"pagerduty://{'a' * 32}@{'b' * 20}?image=no", "discord://1234567890/abcdefghij?image=no"


def sent(to: ChatNotifier, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What goes out, whole."""
    with wire() as taken:
        for one in messages:
            to.send(one, "k", OPENED_S)
    return [dict(json.loads(one.body or b"{}")) for one in taken]


def test_one_episode_is_one_incident_that_ends_with_it(tmp_path: Path) -> None:
    over = message("closed", closed(OPENED_S + 60))
    got = sent(chat(tmp_path, PAGER), message("opened", warning()), message("worsened", warning()), over)
    assert [(one["event_action"], one["dedup_key"]) for one in got] == [
        ("trigger", warning().id), ("trigger", warning().id), ("resolve", warning().id),
    ]  # fmt: skip


def test_what_a_response_calls_for_is_an_incident_that_ends_with_the_call(tmp_path: Path) -> None:
    told = [response(event) for event in ("asked:0", "reminder:0", "succeeded", "needs_a_person", "undone")]
    got = sent(chat(tmp_path, PAGER), *told)
    assert [one["event_action"] for one in got] == ["trigger", "trigger", "resolve", "trigger", "resolve"]
    assert {one["dedup_key"] for one in got} == {RUN.id}
    assert [mark(one) for one in told] == ["warning", "warning", "info", "warning", "info"]


def test_a_long_text_stands_whole_in_the_details_of_one_incident(tmp_path: Path) -> None:
    said = message("opened", warning()) | {"text": "x" * 3000, "episode_url": "https://a.example/warnings/1"}
    (one,) = sent(chat(tmp_path, PAGER), said)
    assert len(one["payload"]["summary"]) <= 1024
    assert one["payload"]["custom_details"]["text"] == "x" * 3000
    assert one["links"] == [{"href": "https://a.example/warnings/1"}]


def test_a_url_with_a_key_of_its_own_is_left_alone(tmp_path: Path) -> None:
    got = sent(chat(tmp_path, PAGER + "&dedup=mine"), message("opened", warning()), message("closed", closed(OPENED_S + 60)))
    assert [(one["event_action"], one["dedup_key"]) for one in got] == [("trigger", "mine")] * 2


def test_what_is_longer_than_a_service_takes_arrives_in_parts(tmp_path: Path) -> None:
    said = message("opened", warning()) | {"text": "\n".join(f"line {i} " + "x" * 90 for i in range(50))}
    got = sent(chat(tmp_path, DISCORD), said)
    assert len(got) > 1
    assert all(len(one["content"]) <= 2000 for one in got)
    assert "line 49" in got[-1]["content"]


@pytest.mark.parametrize(
    ("event", "changes", "marked"),
    [
        ("opened", {}, "warning"), ("opened", {"severity": "critical"}, "failure"), ("worsened", {}, "failure"),
        ("repeated", {}, "warning"),
    ],
)  # fmt: skip
def test_how_bad_it_is_is_marked(event: Any, changes: dict[str, Any], marked: str) -> None:
    assert mark(message(event, warning(**changes))) == marked


def test_a_bundle_is_marked_as_the_worst_of_what_is_open_in_it() -> None:
    one, other = message("opened", warning(id="1")), message("opened", warning(id="2", severity="critical"))
    over = message("closed", closed(OPENED_S + 60, id="3"))
    ended = over | {"warning": {**over["warning"], "id": "4"}}
    marks = [mark(bundled(many, OPENED_S)) for many in ([one, other], [one, over], [over, ended])]
    assert marks == ["failure", "warning", "info"]


@pytest.mark.parametrize(
    ("verdict", "marked"), [("averted", "success"), ("hit", "failure"), ("late", "failure"), ("false", "info")]
)
def test_how_it_ended_is_marked(verdict: Any, marked: str) -> None:
    over = closed(OPENED_S + 60, verdict=verdict)
    assert mark(message("judged", over)) == marked
