"""Checkpoints: the tree is RFC 6962's, a proof proves one row alone, and a signature holds for nothing but what was signed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.errors import StoreError
from aiops.governance.checkpoint import Signer, Tree, checkpoint_of, leaf, node, proof, proven


def rows(count: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)]


def by_definition(hashes: list[str]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if len(hashes) == 1:
        return leaf(hashes[0])
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node(by_definition(hashes[:k]), by_definition(hashes[k:]))


def tree(hashes: list[str]) -> Tree:
    made = Tree()
    for one in hashes:
        made.add(one)
    return made


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_the_root_is_that_of_the_definition_and_every_row_can_be_proven(count: int) -> None:
    hashes = rows(count)
    root = tree(hashes).root()
    assert root == by_definition(hashes).hex()
    for seq in range(1, count + 1):
        path = proof(hashes, seq)
        assert len(path) <= (count - 1).bit_length()
        assert proven(hashes[seq - 1], seq, count, path, root)
        assert not proven(rows(count + 1)[-1], seq, count, path, root)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.data())
def test_a_proof_of_anything_else_fails(count: int, data: st.DataObject) -> None:
    hashes, seq = rows(count), data.draw(st.integers(1, count))
    root, path = tree(hashes).root(), proof(rows(count), seq)
    other = data.draw(st.integers(-2, count + 3).filter(lambda n: n != seq))
    assert not proven(hashes[seq - 1], other, count, path, root)
    assert not proven(hashes[seq - 1], seq, count, [*path, "00" * 32], root)
    assert not proven(hashes[seq - 1], seq, count, path, "00" * 32)
    if path:
        assert not proven(hashes[seq - 1], seq, count, path[:-1], root)
        assert not proven(hashes[seq - 1], seq, count, ["no hex", *path[1:]], root)


def test_the_root_of_nothing_is_that_of_the_rfc() -> None:
    assert Tree().root() == hashlib.sha256(b"").hexdigest()


def test_a_signature_holds_for_what_was_signed_and_by_whom(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    made = signer.sign(tree(rows(5)), rows(5)[-1], 60.5)
    assert made.holds()
    assert made.holds(signer.key)
    assert checkpoint_of(made.as_json()) == made
    for changed in (
        replace(made, size=4), replace(made, head="00" * 32), replace(made, merkle_root="00" * 32), replace(made, time=61.0),
        replace(made, signature="00" * 64), replace(made, signature="no"), replace(made, key="00"),
    ):  # fmt: skip
        assert not changed.holds()
    (tmp_path / "other").mkdir()
    other = Signer(tmp_path / "other")
    assert not made.holds(other.key)
    assert not replace(made, key=other.key).holds()


def test_the_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    first = Signer(tmp_path).key
    assert Signer(tmp_path).key == first == (tmp_path / "ledger.pub").read_text().strip()
    assert (tmp_path / "ledger.key").stat().st_mode & 0o077 == 0
    (tmp_path / "ledger.key").write_text("no key")
    with pytest.raises(StoreError, match="is no key"):
        Signer(tmp_path)
    with pytest.raises(StoreError, match="cannot be read or made"):
        Signer(tmp_path / "not" / "there")


@pytest.mark.parametrize("found", [{}, [], None, {"size": "x"}, 1])
def test_what_is_no_checkpoint_is_refused(found: object) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint|invalid literal"):
        checkpoint_of(found)
