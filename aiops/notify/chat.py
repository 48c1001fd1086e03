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
from aiops.notify.png import png

TITLE_AT_MOST, TEXT_AT_MOST = 250, 6000
KINDS = {"opened": "warning", "worsened": "failure", "closed": "info"}
"""How Apprise marks what happened; a warning that came true ends as a failure, whatever it is called."""
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

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Tell one message."""
        came = message["event"] == "closed" and message["verdict"] in ("hit", "late")
        said = self._services.notify(
            title=cut(defused(str(message["title"])), TITLE_AT_MOST), body=cut(defused(str(message["text"])), TEXT_AT_MOST),
            notify_type="failure" if came else KINDS.get(str(message["event"]), "info"),
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
