"""Slack, Teams, PagerDuty, e-mail and a hundred more as receivers, through Apprise."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from aiops.core.errors import AiopsError, RetryLater
from aiops.core.params import Params
from aiops.core.text import cut
from aiops.notify.arrays import Arrays
from aiops.notify.interface import Notifier
from aiops.notify.message import CALLS, OVER
from aiops.notify.png import png

TITLE_AT_MOST, TEXT_AT_MOST = 250, 6000
_CALLS = re.compile(r"@(?=\w)|<(?=[!@#])")


class ChatParams(Params):
    """Parameters of `ChatNotifier`."""

    urls_file: Path = Field(description="a file with one Apprise URL a line; they hold secrets, so they stand in no config")
    pictures: bool = Field(True, description="whether the series is drawn, for services that show images; false: text alone")
    timeout: float = Field(15.0, gt=0, le=120, description="seconds all of them together may take")


class ChatNotifier(Notifier[ChatParams]):
    """Sends title and text by Apprise to every URL of a file; what is told is what a message has in words.

    Text is text: nothing in it is read as markup, and names that would call people (`@here`, `<!channel>`) are defused, for
    labels come from outside. A service that does not take a message is tried again with all of the file's, so that one that did
    may hear twice: one receiver a service is better. Services that take images get the picture of the leading series; the others
    leave it out. Raises AiopsError for a file that cannot be read or a line that is no
    Apprise URL, RetryLater when a service did not take it.

    Source: Apprise (github.com/caronc/apprise), wiki, the list of services and their URLs.

    >>> ChatNotifier.renewed
    False
    """

    Params = ChatParams
    local: ClassVar[bool] = False
    pictured: ClassVar[bool] = True

    def __init__(self, name: str, params: ChatParams) -> None:
        super().__init__(name, params)
        import apprise  # takes a second that nobody else should pay

        self._apprise = apprise
        self._services = _services(apprise, name, params.urls_file)
        self._threaded = _threads(self._services)
        _fitted(apprise, self._services)

    @classmethod
    def draws(cls, params: ChatParams) -> bool:
        """Unless its parameters say that text alone is wanted."""
        return params.pictures

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Tell one message."""
        for service in self._threaded:
            _thread(service, message)
        said = self._services.notify(
            title=cut(defused(str(message["title"])), TITLE_AT_MOST), body=cut(defused(str(message["text"])), TEXT_AT_MOST),
            notify_type=mark(message),
            body_format=self._apprise.NotifyFormat.TEXT, interpret_escapes=False, timeout=self.params.timeout,
            attach=self._picture(message),
        )  # fmt: skip
        if not said:
            raise RetryLater(f"{self.name}: not taken by all of {len(self._services)} services: {said.status.value}")

    def _picture(self, message: Mapping[str, Any]) -> Any:
        """The picture as Apprise attaches it; None without one."""
        if not self.params.pictures or "picture" not in message:
            return None
        from apprise.attachment import memory

        attach: Any = memory.AttachMemory  # it has no types
        drawn = png(Arrays.from_json(message["picture"]))
        return attach(content=drawn, name=f"{message['warning']['id']}.png", mimetype="image/png")


def mark(message: Mapping[str, Any]) -> str:
    """How Apprise marks what happened: info, success, warning or failure. What came true is a failure, whatever it is called."""
    event, verdict, severity = message["event"], message["verdict"], message["warning"]["severity"]
    if event in OVER:
        return {"hit": "failure", "late": "failure", "averted": "success"}.get(verdict, "info")
    if event == "response":
        return "warning" if message["response"]["event"] in CALLS else "info"
    if event == "bundle" and all(one["event"] in OVER for one in message["messages"]):
        return "info"
    return "failure" if event == "worsened" or severity == "critical" else "warning"


def _fitted(apprise: Any, services: Any) -> None:
    """Let what is longer than a service takes arrive in parts, but where its URL says otherwise. PagerDuty has the whole text in
    its details, and one event must stay one; Teams takes far more than Apprise knows."""
    for one in services:
        if one.overflow_mode == apprise.OverflowMode.UPSTREAM and one.body_maxlen < TEXT_AT_MOST:
            name = type(one).__name__
            if name not in ("NotifyWorkflows", "NotifyMSTeams"):
                modes = apprise.OverflowMode
                one.overflow_mode = modes.TRUNCATE if name == "NotifyPagerDuty" else modes.SPLIT


def _threads(services: Any) -> list[Any]:
    """Services that put what is told of one episode together where they are told which it is: mail, and PagerDuty unless its URL
    names an action or a key of its own."""
    pagers = [one for one in services if type(one).__name__ == "NotifyPagerDuty" and not one.dedup and one.action == "trigger"]
    return [*pagers, *(one for one in services if type(one).__name__ == "NotifyEmail")]


def _thread(service: Any, message: Mapping[str, Any]) -> None:
    """Say which episode a message is of: mail by its references, PagerDuty by the key of its incident, which ends with the
    episode, holds the whole text and leads to its page; what a response calls a person for is an incident of its own, which
    ends when it does not any more. Messages leave one at a time, so it may be set for each."""
    about = str(message["response"]["id"] if "response" in message else message["warning"]["id"])
    alone = message["event"] != "bundle"
    if hasattr(service, "dedup"):
        service.dedup, service.action = about if alone else None, "resolve" if _settled(message) else "trigger"
        service.details = {**service.details, "text": cut(defused(str(message["text"])), TEXT_AT_MOST)}
        service.click = message.get("episode_url")
        return
    first = {name: f"<{message['warning']['id']}@aiops>" for name in ("References", "In-Reply-To")} if alone else {}
    service.headers = {k: v for k, v in service.headers.items() if not v.endswith("@aiops>")} | first


def _settled(message: Mapping[str, Any]) -> bool:
    """Whether nobody is called any more: the episode is over, or a response has what it asked for, or has ended."""
    return message["event"] in OVER or ("response" in message and message["response"]["event"] not in CALLS)


def _services(apprise: Any, name: str, file: Path) -> Any:
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as e:
        why = (e.strerror if isinstance(e, OSError) else None) or "it is no UTF-8 text"
        raise AiopsError(f"receiver {name}: {file} cannot be read: {why}") from e
    logger = logging.getLogger("apprise")  # it would log a URL that it does not understand, with the secret in it
    logger.propagate, logger.handlers = False, [logging.NullHandler()]
    found = apprise.Apprise()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#") and not found.add(line):
            raise AiopsError(f"receiver {name}: {file}:{number}: is no Apprise URL (it is not shown, for it may hold a secret)")
    if not len(found):
        raise AiopsError(f"receiver {name}: {file} holds no Apprise URL; write one a line")
    return found


def defused(text: str) -> str:
    """Text in which nobody is called by name: a zero-width space stands behind what would.

    >>> defused("<!here> @all a@b") == "<\u200b!here> @\u200ball a@\u200bb"
    True
    """
    return _CALLS.sub(lambda found: found[0] + "\u200b", text)
