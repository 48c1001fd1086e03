"""An API server as far as the actions need one: objects with versions, merge patches (RFC 7386), 404 and 409. It is no cluster:
no controller acts on what is written, and nobody is asked whether he may.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.responses.actions.samples import Seen, Web, web


@dataclass
class ClusterServer:
    """`objects` by path; `before`: called before each request is answered, for what happens meanwhile."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: Callable[[Seen], None] = lambda seen: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    web: Web = field(init=False)

    def add(self, path: str, **spec: Any) -> dict[str, Any]:
        """An object with this spec."""
        name = path.rpartition("/")[2]
        metadata = {"name": name, "resourceVersion": "1", "managedFields": [{"manager": "x"}]}
        self.objects[path] = {"metadata": metadata, "spec": spec}
        return self.objects[path]

    def touch(self, path: str) -> None:
        """Somebody else changes the object."""
        metadata = self.objects[path]["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)

    def answer(self, seen: Seen) -> tuple[int, Any]:
        self.before(seen)
        with self.lock:
            item = self.objects.get(seen.target)
            if item is None:
                return 404, {"kind": "Status", "status": "Failure", "reason": "NotFound"}
            if seen.method == "PATCH":
                assert seen.headers["content-type"] == "application/merge-patch+json"
                change = seen.json()
                version = change.get("metadata", {}).pop("resourceVersion", None)
                if version is not None and version != item["metadata"]["resourceVersion"]:
                    return 409, {"kind": "Status", "status": "Failure", "reason": "Conflict"}
                merged(item, change)
                self.touch(seen.target)
            return 200, item

    def patches(self) -> list[Any]:
        """The changes that were sent, without those of metadata."""
        return [{k: v for k, v in one.json().items() if k != "metadata"} for one in self.web.seen if one.method == "PATCH"]


def merged(item: dict[str, Any], change: dict[str, Any]) -> None:
    """RFC 7386."""
    for key, value in change.items():
        if value is None:
            item.pop(key, None)
        elif isinstance(value, dict):
            merged(item.setdefault(key, {}), value)
        else:
            item[key] = value


@contextlib.contextmanager
def cluster() -> Iterator[ClusterServer]:
    found = ClusterServer()
    with web(found.answer) as server:
        found.web = server
        yield found
