"""Which file is run first, what is worked out once a process; what one test configures of it is not left to the next."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from aiops.config import yaml_file
from aiops.core import compiled
from aiops.daemon import heap
from aiops.models.second_tier import pool as pools
from aiops.store import engine
from aiops.store.tables import SCHEMA_VERSION
from tests.telemetry import kernels

LONGEST = (
    "acceptance/test_response_drill.py", "acceptance/test_fill.py", "acceptance/test_existing_alerts.py",
    "backtest/test_demo.py", "backtest/test_run.py", "sweeps/test_same_whatever.py", "backtest/test_live.py",
    "test_packaging.py", "web/test_demo.py", "sweeps/test_every_command.py", "faults/test_response_kills.py",
    "faults/test_kill_sweep.py", "web/test_browser.py", "web/test_browser_pages.py", "backtest/test_contest.py",
    "models/test_exhaustion_over_time.py", "backtest/test_shares.py", "backtest/test_command.py", "cli/test_backtest.py",
    "backtest/test_observe.py", "sweeps/test_runbooks_in_engine.py", "sweeps/test_every_card.py", "sweeps/test_every_model.py",
    "acceptance/test_init.py", "telemetry/test_window_kill.py", "acceptance/test_plane.py", "responses/test_machine.py",
    "sweeps/test_every_runbook.py", "models/second_tier/test_tier.py", "pipeline/test_gone.py",
)  # fmt: skip
"""Files that take longest beside others, longest first: the first three wait for minutes while a disk fills."""
TESTS = Path(__file__).parent
MADE = """
SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'trigger', type = 'index', rowid
"""
"""Statements that make a database as it stands: its tables, then indices and triggers."""
gc.disable()
"""While tests are collected everything that is made stays: a collector of garbage would go over all of it again and again."""


def pytest_collection_finish() -> None:
    """What was collected lasts as long as the process: it is no work for later collections, which look at what a test made."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that they wait beside what computes and none of them is left alone at the end."""
    place = {TESTS / name: number for number, name in enumerate(LONGEST)}
    assert all(path.is_file() for path in place), "a file that takes long has another name now"
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(autouse=True, scope="session")
def what_was_collected_is_left_out() -> Iterator[None]:
    """Daemons in the process of the tests collect garbage as ever, but not over all that pytest has: half a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heap, "gc", SimpleNamespace(unfreeze=lambda: None, collect=gc.collect, freeze=lambda: None))
        yield


@pytest.fixture(autouse=True, scope="session")
def what_was_read_is_parsed_once() -> Iterator[None]:
    """Thousands of tests begin with the same cards, runbooks and settings; one text always gives the same document, but for the
    name of its file. What has mistakes names the file in them, and is parsed anew."""
    parsed, known = yaml_file.parsed, dict[str, yaml_file.Document]()

    def remembered(name: str, text: str) -> yaml_file.Document:
        found = known.get(text) or parsed(name, text)
        if not found.mistakes and len(known) < 2000:
            known[text] = found
        return found if found.path == name else replace(found, path=name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_file, "parsed", remembered)
        yield


@pytest.fixture(autouse=True, scope="session")
def statements_are_compiled_once() -> Iterator[None]:
    """Each of thousands of stores would compile the same statements for the same SQLite, and those that make its tables."""
    made, create, compiled_ones = sa.create_engine, engine._create, LRUCache(2000)
    tables: list[str] = []

    def create_engine(*args: Any, **options: Any) -> sa.Engine:
        found = made(*args, **options)
        if found.dialect.name == "sqlite":
            found._compiled_cache = compiled_ones
        return found

    def tables_and_triggers(connection: sa.Connection) -> None:
        if connection.dialect.name != "sqlite":
            return create(connection)
        for statement in tables:
            connection.exec_driver_sql(statement)
        if not tables:
            create(connection)
            tables.extend(connection.exec_driver_sql(MADE).scalars())
            tables.append(f"INSERT INTO alembic_version VALUES ('{SCHEMA_VERSION}')")
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sa, "create_engine", create_engine)
        patch.setattr(engine, "_create", tables_and_triggers)
        patch.setattr(SQLiteDialect_pysqlite, "__hash__", lambda self: hash(SQLiteDialect_pysqlite))
        patch.setattr(SQLiteDialect_pysqlite, "__eq__", lambda self, other: type(self) is type(other))
        yield


@pytest.fixture(autouse=True, scope="session")
def kernels_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """By one of the processes that run side by side, each of which has a folder inside of what is theirs together; whatever
    folder a daemon of a test would keep them in."""
    own = tmp_path_factory.getbasetemp()
    kernels.folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "compiled"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_loaded", kernels.shared(compiled._loaded))
        yield


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run in the process sets the level of its logs; what is told at a lower one must still be seen by later tests."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def slow_fits_are_waited_for() -> Iterator[None]:
    """A daemon in the process of the tests shares a pool that waits for nobody; what later tests replay must not meet it."""
    yield
    if pools._shared and not pools._shared[0].patient:
        pools.share(pools.Pool(patient=True))
