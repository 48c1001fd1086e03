"""`aiops audit`: the ledger, verified, exported and proven, beside a running daemon or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, emit, fail, failing, settings_of, span_of, stored, tell

if TYPE_CHECKING:
    from aiops.governance.checkpoint import Checkpoint
    from aiops.store import LedgerCheck, Store
    from aiops.store.ledger import LedgerRow

audit_app = typer.Typer(no_args_is_help=True, help="The ledger: verify it, export it, prove one row of it.")
MARK_EVERY = 10_000
"""Rows of the ledger between two words on how far a check is."""
Key = Annotated[Path | None, typer.Option(help="the public key that must have signed: a copy of ledger.pub")]


@audit_app.command("verify")
def verify(
    against: Annotated[
        Path | None, typer.Option(help="what `verify -o json` printed earlier, or a checkpoint: those rows must be there")
    ] = None,
    key: Key = None, config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Recompute the hash chain of the ledger, and hold it against its newest checkpoint.

    Exit 1, and the first bad row, when it was changed; 2 when what it is held against is nothing of the kind.
    """
    from aiops.cli.progress import progress

    folder = settings_of(config, data_dir).data_dir
    with failing(2):
        kept = kept_of(against, folder, key)
    with stored(config, data_dir) as store, progress("verifying") as mark:
        found, root = held_to(store, kept, mark)
    ok, why = found.ok, found.why
    beside = "" if kept is None else f"; the first {kept.size} are those of {kept.name}"
    said = f"{found.rows} rows, unchanged{beside}" if ok else f"row {found.first_bad}: {why}" if found.first_bad else why
    held = None if kept is None else kept.size
    facts = {"ok": ok, "rows": found.rows, "head": found.head, "merkle_root": root, "first_bad": found.first_bad}
    tell(output, said, **facts, why=why, held=held)
    raise typer.Exit(0 if ok else 1)


@audit_app.command("export")
def export(
    since: Annotated[str, typer.Option(help="how far back, for example 30d; none: from the first row on")] = "",
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Print the ledger, a row a line; -o json holds all that each row's hash is made of, for archives and other programs."""
    import time

    from aiops.cli.warnings import ledger_lines

    begin = time.time() - span_of(since) if since else 0.0
    with stored(config, data_dir) as store:
        for line in ledger_lines(store, begin, output == "json"):
            typer.echo(line)


@audit_app.command("prove")
def prove(
    seq: Annotated[int, typer.Argument(min=1, help="the number of a row, as `audit export` names it")],
    config: ConfigPath = None, data_dir: DataDir = None,
    output: Out = "json",
) -> None:  # fmt: skip
    """Print one row with what shows that it is in the ledger of the newest checkpoint, and nothing of the others.

    The default is the JSON that `audit check-proof` reads; -o text is for reading.
    """
    from aiops.cli.warnings import ledger_row, ledger_text
    from aiops.governance.checkpoint import FILE, proof
    from aiops.store.ledger import GENESIS
    from aiops.store.paging import Pages

    with stored(config, data_dir) as store:
        held = _newest(settings_of(config, data_dir).data_dir / FILE)
        if held is None or seq > held.size:
            fail("no checkpoint holds that row yet; a running daemon makes one every five minutes", 1)
        row, hashes = Pages(store).ledger_after(seq - 1, 1)[0], _hashes(store, held.size)
    if len(hashes) < held.size:
        fail("the ledger has fewer rows than its newest checkpoint; see `aiops audit verify`", 1)
    prev = hashes[seq - 2] if seq > 1 else GENESIS
    path = proof(hashes, seq)
    if output == "json":
        emit({"row": ledger_row(row, prev), "path": path, "checkpoint": held.as_json()})
        return
    typer.echo(ledger_text(row))
    for line in _proof_lines(row, prev, path, held):
        typer.echo(f"  {line}")


def _proof_lines(row: LedgerRow, prev: str, path: list[str], held: Checkpoint) -> Iterator[str]:
    """What leads from a row to the signed root, for people."""
    from aiops.core.durations import rfc3339

    yield f"hash       {row.hash}"
    yield f"behind     {prev}"
    for number, one in enumerate(path):
        yield f"{'path' if number == 0 else '':10} {one}"
    yield f"root       {held.merkle_root}, of {held.size} rows"
    yield f"signed     {rfc3339(held.time)} by {held.key}"
    yield f"to check   aiops audit prove {row.seq} > proof.json; aiops audit check-proof proof.json --key ledger.pub"


@audit_app.command("check-proof")
def check_proof(
    file: Annotated[Path, typer.Argument(help="what `audit prove` printed")], key: Key = None, output: Out = "text"
) -> None:
    """Check a row that `audit prove` printed: its own hash, the way to the root, the signature. No ledger is needed."""
    import orjson

    from aiops.core.errors import AiopsError
    from aiops.governance.checkpoint import checkpoint_of, proven
    from aiops.store.ledger import row_hash

    try:
        whole = orjson.loads(file.read_bytes())
        row, path, held = whole["row"], whole["path"], checkpoint_of(whole["checkpoint"])
        facts = (row["at_ms"], row["actor"], row["action"], row["object"], row["detail"])
        same, seq = row_hash(row["prev_hash"], *facts) == row["hash"], row["seq"]
        if type(seq) is not int:
            raise TypeError("the number of a row is a whole one")
        wanted = _public(key)
    except OSError as e:
        fail(f"{file}: cannot be read: {e.strerror}", 2)
    except AiopsError as e:
        fail(str(e), 2)
    except (KeyError, TypeError, ValueError):
        fail(f"{file}: is not what `aiops audit prove` printed", 2)
    why = "" if same else "the row was changed"
    why = why or ("" if proven(row["hash"], seq, held.size, path, held.merkle_root) else "the row is not under that root")
    why = why or ("" if held.holds(wanted) else "the checkpoint is not signed by that key")
    tell(output, why or f"row {seq} is one of the {held.size} of the checkpoint", ok=not why, seq=seq, why=why)
    raise typer.Exit(1 if why else 0)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the ledger is held against: the number of its rows, the hash of the last, the root over them; empty: not known."""

    name: str
    size: int
    head: str
    root: str = ""


def held_to(store: Store, kept: _Held | None, mark: Callable[[float], None]) -> tuple[LedgerCheck, str]:
    """What verifying the ledger found, held against what was kept of it, and the root over its rows. Raises StoreError.

    `mark` hears the share that is done.
    """
    from aiops.governance.checkpoint import Tree
    from aiops.store.paging import Pages

    tree, roots, rows = Tree(), dict[int, str](), Pages(store).head()

    def seen(row: str) -> None:
        tree.add(row)
        if tree.size % MARK_EVERY == 0:
            mark(min(1.0, tree.size / rows))
        if kept is not None and tree.size == kept.size:
            roots[kept.size] = tree.root()

    found = store.verify_ledger(None if kept is None else (kept.size, kept.head), seen)
    if found.ok and kept is not None and kept.root and roots.get(kept.size) != kept.root:
        found = replace(found, ok=False, why="the root over the rows is not that of the checkpoint")
    return found, tree.root()


def kept_of(against: Path | None, folder: Path, key: Path | None) -> _Held | None:
    """What was kept of the ledger; None: nothing was. Raises AiopsError."""
    from aiops.cli.warnings import kept_check
    from aiops.core.errors import AiopsError
    from aiops.governance.checkpoint import FILE

    path = against or folder / FILE
    held = _newest(path)
    if held is not None:
        if not held.holds(_public(key)):
            raise AiopsError(f"{path}: its last checkpoint is not signed by {key or 'the key that it names'}")
        return _Held(f"the checkpoint in {path}", held.size, held.head, held.merkle_root)
    if against is None:
        return None
    return _Held(str(against), *kept_check(against))


def _newest(path: Path) -> Checkpoint | None:
    from aiops.daemon.witness import newest

    return newest(path)


def _public(key: Path | None) -> str:
    """The public key of a file in hex; empty: any. Raises AiopsError."""
    from aiops.core.errors import AiopsError

    if key is None:
        return ""
    try:
        found = key.read_text("ascii").strip()
        if len(bytes.fromhex(found)) == 32:
            return found
    except OSError as e:
        raise AiopsError(f"{key}: cannot be read: {e.strerror}") from e
    except ValueError:
        pass
    raise AiopsError(f"{key}: is no public key; `ledger.pub` of the data directory is one")


def _hashes(store: Store, size: int) -> list[Any]:
    from aiops.store.paging import Pages

    pages, found = Pages(store), list[str]()
    while len(found) < size and (more := pages.ledger_hashes(len(found), 10_000)):
        found += more
    return found[:size]
