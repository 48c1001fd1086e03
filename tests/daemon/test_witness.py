"""The ledger of a running daemon has checkpoints, and one that was changed behind its back is found at the next start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import structlog

from aiops.daemon import witness as witnesses
from aiops.daemon.witness import EVERY_ROWS, EVERY_S, Witness, newest
from aiops.governance.checkpoint import FILE, Checkpoint, Tree
from aiops.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open("", tmp_path)) as one:
        yield one


def add(store: Store, count: int) -> None:
    with store.transaction() as tx:
        for i in range(count):
            tx.record("daemon", "x", str(i), {}, 60.0)


def kept(folder: Path) -> list[Checkpoint]:
    return [newest_of(line) for line in (folder / FILE).read_bytes().splitlines() if line.endswith(b"}")]


def newest_of(line: bytes) -> Checkpoint:
    found = orjson.loads(line)
    return Checkpoint(**{name: found[name] for name in ("size", "head", "merkle_root", "time", "key", "signature")})


def test_one_is_made_at_once_then_after_so_many_rows_or_so_long(store: Store, tmp_path: Path) -> None:
    witness = Witness(store, tmp_path)
    with structlog.testing.capture_logs() as logs:
        witness.look(1000.0)
    (said,) = logs
    assert said["use"].startswith("nothing to do"), "whoever reads it in a log learns what it is for"
    assert said["signature"] == kept(tmp_path)[0].signature
    add(store, EVERY_ROWS - 1)
    witness.look(1001.0)
    assert [one.size for one in kept(tmp_path)] == [1]
    add(store, 1)
    witness.look(1002.0)
    witness.look(1002.0 + 2 * EVERY_S)
    assert [one.size for one in kept(tmp_path)] == [1, 1 + EVERY_ROWS]
    add(store, 1)
    witness.look(1002.0 + EVERY_S)
    found = kept(tmp_path)
    assert [one.size for one in found] == [1, 1 + EVERY_ROWS, 2 + EVERY_ROWS]
    assert all(one.holds() for one in found)
    assert list(witness.rows()) == [((found[-1].head, found[-1].merkle_root), 2.0 + EVERY_ROWS)]
    assert found[-1].head == store.verify_ledger().head


def test_a_later_life_goes_on_from_it(store: Store, tmp_path: Path) -> None:
    Witness(store, tmp_path).look(1000.0)
    add(store, 3)
    with (tmp_path / FILE).open("ab") as f:
        f.write(b'{"size": 9, "he')  # cut short by a full disk
    again = Witness(store, tmp_path)
    again.look(1000.0 + EVERY_S)
    assert again.holds
    assert again.last is not None
    assert again.last.size == 4
    assert again.last.key == kept(tmp_path)[0].key
    assert [one.size for one in kept(tmp_path)] == [1, 4]
    assert newest(tmp_path / FILE) == again.last


@pytest.mark.parametrize("how", ["cut", "changed"])
def test_what_was_signed_and_is_not_there_any_more_is_told_and_nothing_is_signed_over_it(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Store.open("", tmp_path)) as store:
        add(store, 5)
        Witness(store, tmp_path).look(1000.0)
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        for name in ("ledger_no_update", "ledger_no_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        change = "DELETE FROM ledger WHERE seq > 3" if how == "cut" else "UPDATE ledger SET hash = prev_hash WHERE seq = 2"
        connection.execute(change)
        connection.commit()
    with closing(Store.open("", tmp_path)) as store:
        witness = Witness(store, tmp_path)
        witness.look(2000.0)
        add(store, EVERY_ROWS)
        witness.look(2000.0 + EVERY_S)
    assert not witness.holds
    assert len(kept(tmp_path)) == 1
    assert "the ledger was changed" in "".join(capsys.readouterr())


def test_a_disk_that_refuses_is_told_once_and_tried_again(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(Exception, match="cannot be read"):
        newest(tmp_path / FILE)
    (tmp_path / FILE).rmdir()
    witness = Witness(store, tmp_path)
    (tmp_path / FILE).mkdir()
    witness.look(1000.0)
    witness.look(1001.0)
    assert "".join(capsys.readouterr()).count("could not be kept") == 1
    (tmp_path / FILE).rmdir()
    witness.look(1002.0)
    assert len(kept(tmp_path)) == 1


class Counting:
    """The pages of a store, and how many hashes were asked of it in each question."""

    def __init__(self, witness: Witness) -> None:
        self._pages, self.asked = witness._pages, list[tuple[int, int]]()
        witness._pages = self  # type: ignore[assignment]

    def ledger_hashes(self, seq: int, limit: int) -> list[str]:
        found = self._pages.ledger_hashes(seq, limit)
        self.asked.append((seq, len(found)))
        return found


def test_a_start_goes_on_from_the_tree_and_looks_back_a_part_at_a_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, 99)
    Witness(store, tmp_path).look(1000.0)
    add(store, 7)
    monkeypatch.setattr(witnesses, "BACK_AT_ONCE", 40)
    again = Witness(store, tmp_path)
    counting = Counting(again)
    for now in (1000.0 + EVERY_S, 1001.0 + EVERY_S, 1002.0 + EVERY_S, 1003.0 + EVERY_S):
        again.look(now)
    new, back = [(99, 1), (100, 7), (107, 0)], [(0, 40), (40, 40), (80, 20)]
    assert counting.asked == [*new, back[0], (107, 0), back[1], (107, 0), back[2], (107, 0)]
    assert again.holds
    last = kept(tmp_path)[-1]
    tree = Tree()
    assert store.verify_ledger(None, tree.add).ok
    assert (last.size, last.merkle_root) == (107, tree.root())


def test_a_row_changed_long_ago_is_found_when_it_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Store.open("", tmp_path)) as store:
        add(store, 99)
        Witness(store, tmp_path).look(1000.0)
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("UPDATE ledger SET hash = prev_hash WHERE seq = 70")
        connection.commit()
    monkeypatch.setattr(witnesses, "BACK_AT_ONCE", 60)
    with closing(Store.open("", tmp_path)) as store:
        witness = Witness(store, tmp_path)
        witness.look(1001.0)
        assert witness.holds
        witness.look(1002.0)
    assert not witness.holds
    assert "first 100 rows are not those" in "".join(capsys.readouterr())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"size": 6, "edge": ["zz"]}', '{"size": 6, "edge": []}', "other", "signed"])
def test_a_tree_that_is_not_the_one_that_was_signed_counts_for_nothing(store: Store, tmp_path: Path, content: str) -> None:
    add(store, 5)
    Witness(store, tmp_path).look(1000.0)
    path = tmp_path / witnesses.EDGE
    found = orjson.loads(path.read_bytes())
    assert found["size"] == 6
    if content == "other":
        content = orjson.dumps({**found, "edge": found["edge"][::-1]}).decode()
    if content == "signed":  # by somebody else
        (tmp_path / "ledger.key").unlink()
    else:
        path.write_text(content)
    add(store, 2)
    again = Witness(store, tmp_path)
    counting = Counting(again)
    again.look(1000.0 + EVERY_S)
    assert counting.asked[0] == (0, 8)
    assert again.holds
    assert [one.size for one in kept(tmp_path)] == [6, 8]
