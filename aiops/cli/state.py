"""`aiops state`: what the daemon keeps: shown, looked through, taken elsewhere and back, rid of what nobody needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, emit, fail, failing, settings_of, stored, tell, user

if TYPE_CHECKING:
    from aiops.cli.state_parts import Part
    from aiops.config.settings import Settings
    from aiops.store import Store
    from aiops.store.whole import Copied

state_app = typer.Typer(no_args_is_help=True, help="What the daemon keeps: its store, what it has learnt, its evidence.")


@state_app.command("show")
def show(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Say what is kept, part by part: how much, how far it reaches, and who is at it. Nothing is changed."""
    from aiops.cli import state_parts

    settings = settings_of(config, data_dir)
    with stored(config, data_dir) as store:
        _told([state_parts.store_part(settings, store, _holder(settings)), *_files(settings, deep=False)], output)


@state_app.command("verify")
def verify(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Read all that is kept, the ledger against its newest checkpoint. Exit 1 when a part is not whole.

    What a model has learnt is not precious: it is learnt again from the history, and the history is read again.
    """
    from aiops.cli.progress import progress

    settings = settings_of(config, data_dir)
    with stored(config, data_dir) as store, progress("verifying") as mark:
        parts = [*_store_parts(settings, store, mark), *_files(settings, deep=True)]
    _told(parts, output)
    raise typer.Exit(1 if any(one.why for one in parts) else 0)


@state_app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="the new folder, which is itself a data directory")],
    keys: Annotated[bool, typer.Option("--keys", help="also the keys of masks and of the ledger: keep them as secrets")] = False,
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Copy what cannot be had again, beside a running daemon: the store as it is at one instant, whatever database it is on.

    Exit 1 when the ledger in the copy was changed; the copy is kept. Windows and learnt state are read and learnt again.
    """
    from aiops.cli import state_files
    from aiops.cli.progress import progress

    settings = settings_of(config, data_dir)
    with stored(config, data_dir):  # that there is a store, of this version
        pass
    with failing(), progress("copying") as mark:
        done = state_files.export(settings.store.url, settings.data_dir, folder, keys, mark)
    found = done.ledger
    why = "" if found.ok else f"row {found.first_bad} of the ledger {found.why}"
    said = f"{folder}: {_rows(done)}; {why or f'ledger of {found.rows} rows, unchanged'}"
    tell(output, said, ok=found.ok, folder=str(folder), rows=found.rows, head=found.head, tables=done.rows, why=why)
    raise typer.Exit(0 if found.ok else 1)


@state_app.command("import")
def take_in(
    folder: Annotated[Path, typer.Argument(help="what `state export` made, a data directory, or an aiops.db")],
    by: Annotated[str, typer.Option("--by", help="who does it; default: the user of this machine")] = "",
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Copy a store whole into that of the configuration, which must not be there yet: to restore it, to move it to PostgreSQL.

    Nobody may run on either. The ledger is verified, all of it is taken in or nothing, and the ledger says who did it.
    """
    from aiops.cli import state_files
    from aiops.cli.progress import progress
    from aiops.store import Store

    settings = settings_of(config, data_dir)
    with failing():
        with progress("copying") as mark:
            done = state_files.take_in(folder, settings.store.url, settings.data_dir, mark)
        with contextlib.closing(Store.beside(settings.store.url, settings.data_dir)) as store, store.transaction() as tx:
            facts = {"rows": done.ledger.rows, "head": done.ledger.head}
            tx.record(by or user(), "state.imported", str(folder)[-128:], facts, time.time())
    said = f"taken in from {folder}: {_rows(done)}; ledger of {done.ledger.rows} rows, unchanged"
    tell(output, said, ok=True, folder=str(folder), rows=done.ledger.rows, head=done.ledger.head, tables=done.rows)


@state_app.command("prune")
def prune(
    delete: Annotated[bool, typer.Option("--delete", help="delete it; without it, it is only shown")] = False,
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Find what nobody needs: of watches that the configuration makes no more, and of processes that were killed.

    Only with --delete, and while no daemon runs there, it is deleted. Nothing in the store ever is: `retention` does that.
    """
    import shutil

    from aiops.cli import state_parts
    from aiops.core.quantity import in_bytes
    from aiops.daemon.loading import load_all
    from aiops.store.engine import DirectoryLock

    settings, freed = settings_of(config, data_dir), 0
    with failing(), contextlib.ExitStack() as stack:
        if not settings.data_dir.is_dir():
            fail(f"{settings.data_dir}: is no folder; name the daemon's with --data-dir", 1)
        if delete:
            stack.enter_context(contextlib.closing(DirectoryLock(settings.data_dir)))
        for path, why in state_parts.not_needed(settings, load_all(settings)[0], settings.data_dir):
            count = state_parts.size_of(path)
            try:
                if delete:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError as e:
                fail(f"{path}: cannot be deleted: {e.strerror}", 1)
            name, freed = str(path.relative_to(settings.data_dir)), freed + count
            tell(output, _pruned(name, count, why), name=name, bytes=count, why=why, deleted=delete)
    if output == "text":
        typer.echo(f"{in_bytes(freed)} {'deleted' if delete else 'may go: --delete'}" if freed else "nothing to delete")


def _pruned(name: str, count: int, why: str) -> str:
    from aiops.core.quantity import in_bytes
    from aiops.core.text import visible

    return visible(f"{name:48} {in_bytes(count):>9}  {why}", 400)


def _holder(settings: Settings) -> str:
    from aiops.store.engine import holder

    return holder(settings.data_dir)


def _files(settings: Settings, deep: bool) -> Iterator[Part]:
    from aiops.cli import state_parts

    yield from state_parts.watches(settings.data_dir, deep)
    yield from state_parts.evidence(settings.data_dir, deep)


def _store_parts(settings: Settings, store: Store, mark: Callable[[float], None]) -> Iterator[Part]:
    """The store, a part for each thing in it that cannot be read, and its ledger."""
    from aiops.cli.audit import held_to, kept_of
    from aiops.cli.state_parts import Part, store_part
    from aiops.core.errors import AiopsError
    from aiops.store.whole import unreadable

    one = store_part(settings, store, _holder(settings))
    yield one
    yield from (Part("store", one.name, why=why) for why in unreadable(store))
    try:
        kept = kept_of(None, settings.data_dir, None)
    except AiopsError as e:
        yield Part("checkpoint", "checkpoints.ndjson", why=str(e))
        kept = None
    found, root = held_to(store, kept, mark)
    said = f"{found.rows} rows, unchanged" + ("" if kept is None else f"; the first {kept.size} are those of the checkpoint")
    where = f"row {found.first_bad}: " if found.first_bad else ""
    facts = {"rows": found.rows, "head": found.head, "merkle_root": root, "said": said}
    yield Part("ledger", one.name, facts=facts, why="" if found.ok else f"{where}{found.why}")


def _told(parts: list[Part], output: str) -> None:
    from aiops.cli.state_parts import lines

    if output == "json":
        for one in parts:
            emit(one.as_json())
        return
    for line in lines(parts):
        typer.echo(line)


def _rows(done: Copied) -> str:
    return ", ".join(f"{name} {count}" for name, count in done.rows.items() if count and name != "ledger") or "no rows"
