"""Lineage told to other systems while the daemon runs: the ledger is read on from where it was told last, in its order.

The ledger's row is written in the transaction of what it says, so nothing that is kept goes untold; after a crash some events are
told twice, under the same run id.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import structlog

from aiops.config.settings import Settings
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.folders import write_whole
from aiops.core.text import visible
from aiops.notify.post import Post, PostParams
from aiops.pipeline import Rooms
from aiops.store import Store
from aiops.store.paging import Pages

if TYPE_CHECKING:
    from aiops.config.lineage import LineageSettings
    from aiops.governance.openlineage import About

EVERY_S, LANE, CURSOR = 10.0, "lineage", "lineage.json"
AT_ONCE = 500
HEADERS = {"Content-Type": "application/json"}
log = structlog.get_logger()


class Lineages:
    """Tells a file and a server what is new in the ledger of a store; at the first start from its end on."""

    def __init__(self, settings: LineageSettings, store: Store, data_dir: Path, about: Callable[[], About]) -> None:
        login = {name: getattr(settings, name) for name in PostParams.model_fields if getattr(settings, name)}
        self._post = Post(PostParams(**login)) if settings.url else None
        self._settings, self._store, self._about = settings, store, about
        self._path, self._pages, self._trouble = data_dir / CURSOR, Pages(store), ""
        head = self._pages.head()
        self._seq = min(_read(self._path, head), head)
        with suppress(OSError):  # told by the first write that cannot keep it either
            _keep(self._path, self._seq)

    def write(self, now_s: float) -> int:
        """Tell what is new; how many events. What cannot be told waits, and is said once. Raises StoreError."""
        count, trouble = 0, ""
        try:
            while rows := self._pages.ledger_after(self._seq, AT_ONCE):
                from aiops.pipeline.lineages import told  # heavy, and only where somebody wants to hear it

                found = list(told(self._store, rows, self._about()))
                for _, event in found:
                    self._tell(orjson.dumps(event), now_s)
                self._seq, count = rows[-1].seq, count + len(found)
                _keep(self._path, self._seq)
        except (RetryLater, OSError) as e:
            trouble = visible(str(e))
        if trouble and not self._trouble:
            log.error("lineage cannot be told", why=trouble)
        self._trouble = trouble
        return count

    def _tell(self, event: bytes, now_s: float) -> None:
        if self._settings.file is not None:
            with self._settings.file.open("ab") as f:
                f.write(event + b"\n")
                f.flush()
                os.fsync(f.fileno())
        if self._post is not None:
            try:
                self._post.send(self._settings.url, event, HEADERS, now_s)
            except NotifyError as e:  # refused for good: what follows is told all the same
                log.error("an event of lineage was refused", why=visible(str(e)))


def lineages_of(settings: Settings, store: Store, rooms: Rooms) -> Lineages | None:
    """What the configuration asks for; None: nothing."""

    def about() -> About:
        from aiops.pipeline.lineages import about_of

        return about_of(settings, rooms.gate, {watch.card.name: watch.card for watch in rooms.watches}.values())

    return None if settings.lineage is None else Lineages(settings.lineage, store, settings.data_dir, about)


def _read(path: Path, head: int) -> int:
    try:
        return max(0, int(orjson.loads(path.read_bytes())["seq"]))
    except (OSError, ValueError, KeyError, TypeError):
        return head


def _keep(path: Path, seq: int) -> None:
    write_whole(path, orjson.dumps({"seq": seq}))
