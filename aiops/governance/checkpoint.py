"""Checkpoints of the ledger: how long it is and what is in it, signed, so that whoever keeps one elsewhere sees what was cut off.

A chain alone cannot show that its newest rows are gone, or that all of it was made anew; a checkpoint kept elsewhere can.

Source: Merkle tree of RFC 6962 section 2.1 (leaves under 0x00, nodes under 0x01), signatures Ed25519 (RFC 8032).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from aiops.core.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY, PUBLIC, FILE = "ledger.key", "ledger.pub", "checkpoints.ndjson"


def leaf(row_hash: str) -> bytes:
    """The leaf of a ledger row, by the row's hash in hex."""
    return hashlib.sha256(b"\0" + bytes.fromhex(row_hash)).digest()


def node(left: bytes, right: bytes) -> bytes:
    """What stands above two nodes."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(slots=True)
class Tree:
    """The root over rows that come one after another: only the whole subtrees on its right edge are kept, log2(size) of them.

    >>> tree = Tree()
    >>> for row in ("00" * 32, "11" * 32, "22" * 32):
    ...     tree.add(row)
    >>> tree.size, tree.root() == node(node(leaf("00" * 32), leaf("11" * 32)), leaf("22" * 32)).hex()
    (3, True)
    """

    size: int = 0
    edge: list[bytes] = field(default_factory=list)

    def add(self, row_hash: str) -> None:
        """One more row."""
        self.add_leaf(leaf(row_hash))

    def add_leaf(self, last: bytes) -> None:
        """One more leaf."""
        count = self.size
        while count & 1:
            last, count = node(self.edge.pop(), last), count >> 1
        self.edge.append(last)
        self.size += 1

    def root(self) -> str:
        """The root in hex; of nothing the SHA-256 of nothing."""
        if not self.edge:
            return hashlib.sha256().hexdigest()
        found = self.edge[-1]
        for one in reversed(self.edge[:-1]):
            found = node(one, found)
        return found.hex()


def proof(row_hashes: Sequence[str], seq: int) -> list[str]:
    """What row `seq` (from 1) takes besides itself to reach the root over all rows, from below: about log2(n) hashes in hex."""
    return [one.hex() for one in _path([leaf(one) for one in row_hashes], seq - 1)]


def _path(leaves: Sequence[bytes], at: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if at < half:
        return [*_path(leaves[:half], at), _top(leaves[half:])]
    return [*_path(leaves[half:], at - half), _top(leaves[:half])]


def _top(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    for one in leaves:
        tree.add_leaf(one)
    return bytes.fromhex(tree.root())


def proven(row_hash: str, seq: int, size: int, path: Sequence[str], root: str) -> bool:
    """Whether a row is number `seq` of the `size` rows under `root`: RFC 9162 section 2.1.3.2. False for what is no proof."""
    if not 1 <= seq <= size:
        return False
    try:
        at, last, found = seq - 1, size - 1, leaf(row_hash)
        for text in path:
            one = bytes.fromhex(text)
            if last == 0:
                return False
            if at & 1 or at == last:
                found = node(one, found)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                found = node(found, one)
            at, last = at >> 1, last >> 1
    except (ValueError, TypeError):
        return False
    return last == 0 and found.hex() == root


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger's first `size` rows: the hash of the last, the root over all, when it was made (epoch seconds), by which key
    (its public half in hex), and the signature over all this in hex."""

    size: int
    head: str
    merkle_root: str
    time: float
    key: str
    signature: str = ""

    def signed(self) -> bytes:
        """What the signature is over: canonical JSON of all but itself."""
        body = {name: value for name, value in self.as_json().items() if name != "signature"}
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def holds(self, key: str = "") -> bool:
        """Whether it is signed as it says, and by `key` (hex; empty: by whichever it names)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            public.verify(bytes.fromhex(self.signature), self.signed())
        except (InvalidSignature, ValueError):
            return False
        return key in ("", self.key)


def checkpoint_of(found: Any) -> Checkpoint:
    """A checkpoint that `as_json` wrote. Raises ValueError for anything else."""
    try:
        return Checkpoint(
            int(found["size"]), str(found["head"]), str(found["merkle_root"]), float(found["time"]), str(found["key"]),
            str(found["signature"]),
        )  # fmt: skip
    except (KeyError, TypeError) as e:
        raise ValueError(f"is no checkpoint: {e}") from e


class Signer:
    """Signs checkpoints with the key of a data directory, made where there is none (mode 0600; its public half beside it).

    Raises StoreError when the directory cannot be written or the key is none.
    """

    def __init__(self, data_dir: Path) -> None:
        self._private = _private(data_dir / KEY)
        self.key = self._private.public_key().public_bytes_raw().hex()
        try:
            (data_dir / PUBLIC).write_text(self.key + "\n", "ascii")
        except OSError as e:
            raise StoreError(f"{data_dir / PUBLIC}: cannot be written: {e.strerror}") from e

    def sign(self, tree: Tree, head: str, now_s: float) -> Checkpoint:
        """A checkpoint of what is in the tree, whose last row has the hash `head`."""
        bare = Checkpoint(tree.size, head, tree.root(), now_s, self.key)
        return replace(bare, signature=self._private.sign(bare.signed()).hex())


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        if path.exists():
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii").strip()))
        made = Ed25519PrivateKey.generate()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as f:
            f.write(made.private_bytes_raw().hex() + "\n")
            f.flush()
            os.fsync(f.fileno())
        return made
    except ValueError as e:
        raise StoreError(f"{path}: is no key; move it away, and the next start makes another") from e
    except OSError as e:
        raise StoreError(f"{path}: cannot be read or made: {e.strerror}") from e
