"""Checkpoints of the ledger while the daemon runs: made, signed, kept beside it, and told to whoever keeps logs and metrics.

Beside the last checkpoint stands the right edge of its tree, so that a start on a long ledger goes on from there; it counts only
if its root is the one that was signed. The rows before it are gone over again a part at a time, and held against that root too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from aiops.core.errors import StoreError
from aiops.core.folders import write_whole
from aiops.governance.checkpoint import FILE, Checkpoint, Signer, Tree, checkpoint_of
from aiops.store import Store
from aiops.store.paging import Pages

LOOK_EVERY_S, LANE = 60.0, "witness"
EVERY_ROWS, EVERY_S = 1000, 300.0
AT_ONCE, BACK_AT_ONCE = 10_000, 50_000
"""Rows that are read at once; older ones that are gone over again in one look: a third of a second."""
EDGE = "ledger.tree"
USE = "nothing to do: a log kept elsewhere shows with it that no row of the ledger was cut off later"
"""What the line of a checkpoint is for, to whoever reads it in a log."""
log = structlog.get_logger()


class Witness:
    """Follows the ledger of a store. `last`: its newest checkpoint; `holds`: the ledger is what the newest checkpoint of an
    earlier life says, as far as that is known. Raises StoreError when the key cannot be had."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._pages, self._path, self._signer = Pages(store), data_dir / FILE, Signer(data_dir)
        self._tree, self._head = Tree(), ""
        self._earlier = newest(self._path)
        self._edge_path, self._back = data_dir / EDGE, Tree()
        self._held: Checkpoint | None = None
        self.last, self.holds, self._trouble = self._earlier, True, ""

    def look(self, now_s: float) -> None:
        """Take in what is new, and make a checkpoint of it where one is due. Raises StoreError."""
        if self._earlier is not None and not self._tree.size:
            self._go_on(self._earlier)
        while rows := self._pages.ledger_hashes(self._tree.size, AT_ONCE):
            for row in rows:
                self._tree.add(row)
                self._head = row
                if self._earlier is not None and self._tree.size == self._earlier.size:
                    self._compare(self._earlier, self._tree, row)
                    self._earlier = None
        if self._earlier is not None:
            self._lost(f"it has {self._tree.size} rows, {self._earlier.size} of them were there at the last checkpoint")
        if self._held is not None:
            self._look_back(self._held)
        if self._due(now_s):
            self._make(now_s)

    def _due(self, now_s: float) -> bool:
        last = self.last
        if last is None or not self.holds:
            return last is None and self._tree.size > 0
        more = self._tree.size - last.size
        return more >= EVERY_ROWS or (more > 0 and not 0 <= now_s - last.time < EVERY_S)

    def _go_on(self, earlier: Checkpoint) -> None:
        """Begin where the last checkpoint ended, if its tree was kept and its last row is there; else with the first row."""
        tree = _edge(self._edge_path, earlier) if earlier.holds(self._signer.key) else None
        if tree is not None and self._pages.ledger_hashes(earlier.size - 1, 1) == [earlier.head]:
            self._tree, self._head, self._held, self._earlier = tree, earlier.head, earlier, None

    def _look_back(self, held: Checkpoint) -> None:
        """Go over some of the rows that a checkpoint holds, and hold all of them against it in the end."""
        tree = self._back
        rows = self._pages.ledger_hashes(tree.size, min(BACK_AT_ONCE, held.size - tree.size))
        for row in rows:
            tree.add(row)
        if rows and tree.size < held.size:
            return
        self._held, self._back = None, Tree()
        self._compare(held, tree, rows[-1] if rows else "")

    def _compare(self, earlier: Checkpoint, tree: Tree, head: str) -> None:
        if (tree.root(), head) != (earlier.merkle_root, earlier.head):
            self._lost(f"its first {earlier.size} rows are not those of the last checkpoint")

    def _lost(self, why: str) -> None:
        """Nothing is signed any more that does not go on from what was signed."""
        if self.holds:
            log.error("the ledger was changed", why=why, checkpoints=str(self._path))
        self._earlier, self.holds = None, False

    def _make(self, now_s: float) -> None:
        made = self._signer.sign(self._tree, self._head, now_s)
        try:
            with self._path.open("ab") as f:
                begun = b"" if _whole(self._path) else b"\n"  # a line that a full disk cut short stays alone
                f.write(begun + orjson.dumps(made.as_json()) + b"\n")
                f.flush()
                os.fsync(f.fileno())
        except OSError as e:
            if self._trouble != str(e):
                log.error("a checkpoint of the ledger could not be kept", error=str(e))
            self._trouble = str(e)
            return
        self.last, self._trouble = made, ""
        _keep_edge(self._edge_path, self._tree)
        log.info("checkpoint of the ledger", **{"at" if k == "time" else k: v for k, v in made.as_json().items()}, use=USE)

    def rows(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """The newest checkpoint as a metric: hash of the last row, root, and how many rows."""
        if self.last is not None:
            yield (self.last.head, self.last.merkle_root), float(self.last.size)


def _keep_edge(path: Path, tree: Tree) -> None:
    """Without it a start takes longer, and that is all: nothing is said where the disk refuses."""
    with suppress(OSError):
        write_whole(path, orjson.dumps({"size": tree.size, "edge": [one.hex() for one in tree.edge]}))


def _edge(path: Path, signed: Checkpoint) -> Tree | None:
    """The tree that was kept for a checkpoint; None where there is none, or one that has another root than was signed."""
    try:
        found = orjson.loads(path.read_bytes())
        tree = Tree(int(found["size"]), [bytes.fromhex(one) for one in found["edge"]])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    fits = tree.size == signed.size and len(tree.edge) == tree.size.bit_count() and tree.root() == signed.merkle_root
    return tree if fits else None


def _whole(path: Path) -> bool:
    """Whether a file is empty or ends with a line's end."""
    with path.open("rb") as f:
        size = f.seek(0, os.SEEK_END)
        if size:
            f.seek(size - 1)
        return not size or f.read(1) == b"\n"


def newest(path: Path) -> Checkpoint | None:
    """The last whole line of a file of checkpoints; None where there is none. Raises StoreError when it cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise StoreError(f"{path}: cannot be read: {e.strerror}") from e
    for line in reversed(lines):  # the last one may have been cut short by a full disk
        try:
            return checkpoint_of(orjson.loads(line))
        except ValueError:
            continue
    return None
