"""Kernels come late: nobody imports numba by accident, and what was compiled is kept where nobody else can write."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

from aiops.core import compiled
from aiops.telemetry.fast_decode import Grid, Memory, decode_grid
from tests.telemetry import kernels
from tests.telemetry.hostile import success

ROOT = Path(__file__).parents[2]
NAME = "aiops.telemetry.fast_json"


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As in a process that has not loaded anything."""
    loading = compiled._Loading()
    monkeypatch.setattr(compiled, "_loading", loading)
    return loading


def running(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_reading_answers_imports_no_compiler() -> None:
    code = """
import sys
from aiops.telemetry import prometheus
from aiops.telemetry.fast_decode import Grid, Memory, decode_grid
body = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[60,"1"]}]}}'
print(decode_grid(body, "vector", Memory(), 10, 10, Grid(60, 60, 1))[1][0, 0], "numba" in sys.modules)
"""
    assert running(code) == ["1.0", "False"]


def test_nothing_is_loaded_unless_it_is_allowed_and_worth_it(anew: Any) -> None:
    assert compiled.module(NAME, compiled.WORTH_BYTES) is None
    compiled.allow(None)
    assert compiled.module(NAME, compiled.WORTH_BYTES - 1) is None
    assert not anew.begun


def test_the_first_large_answer_has_them_loaded_once_while_the_plain_way_serves(
    anew: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    done = threading.Event()
    monkeypatch.setattr(compiled, "warm", lambda folder: (asked.append(folder), done.set())[0])
    compiled.allow(Path("kept"))
    body = success([{"metric": {"i": str(i), "pad": "x" * 100}, "value": [60, "1.5"]} for i in range(30_000)], "vector")
    assert len(body) > compiled.WORTH_BYTES
    for _ in range(2):
        _, values, _ = decode_grid(body, "vector", Memory(), 50_000, 10**6, Grid(60, 60, 1))
        assert (values == 1.5).all()
    assert done.wait(10)
    assert asked == [Path("kept")]


def test_warm_gives_the_modules_it_names_once(anew: Any) -> None:
    compiled.warm(kernels.folder)
    found = compiled.module(NAME, 0)
    assert found is sys.modules[NAME]
    compiled.warm(None)
    assert compiled.module(NAME, 0) is found
    assert compiled.module("aiops.telemetry.decode", 0) is None


def test_compiled_code_is_kept_and_damaged_code_is_thrown_away(tmp_path: Path) -> None:
    """The second process takes what the first one kept; what cannot be loaded is deleted, so the third start is as the first."""
    code = f"""
import pathlib
from aiops.core import compiled
folder = pathlib.Path({str(tmp_path / "kept")!r})
compiled.MODULES = ({NAME!r},)  # one shows it as well as all, which take long to compile
try:
    compiled.warm(folder)
    stats = compiled.module({NAME!r}, 0).read.stats
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
except Exception as e:
    print("failed", folder.exists())
"""
    assert running(code) == ["0", "1"]
    assert running(code) == ["1", "0"]
    for kept in (tmp_path / "kept").rglob("*.nbi"):
        kept.write_bytes(b"\0" * 100)
    assert running(code) == ["failed", "False"]
    assert (tmp_path / "kept").exists() is False


def test_where_no_memory_may_be_executable_the_plain_way_serves(tmp_path: Path) -> None:
    """As under systemd's MemoryDenyWriteExecute."""
    code = f"""
import ctypes, pathlib
from aiops.core import compiled
refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
why = "" if refused else compiled.warm(pathlib.Path({str(tmp_path / "kept")!r}))
print(refused, bool(why), compiled.module({NAME!r}, 0))
"""
    refused, why, module = running(code)
    if refused != "0":
        pytest.skip("this kernel cannot forbid executable memory")
    assert (why, module) == ("True", "None")


def test_that_kernels_cannot_be_compiled_is_no_line_of_a_command_s_output(
    anew: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "warm", lambda folder: "no memory may be executable")
    monkeypatch.setattr(structlog, "is_configured", lambda: False)
    compiled._warm_and_tell()
    said = capsys.readouterr()
    assert (said.out, "no memory may be executable" in said.err) == ("", True)


@pytest.mark.parametrize(("mode", "own"), [(0o700, True), (0o755, True), (0o775, False), (0o777, False)])
def test_a_folder_that_others_may_write_keeps_nothing(tmp_path: Path, mode: int, own: bool) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    folder.chmod(mode)
    assert compiled._own(folder) == (folder if own else None)


def test_a_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    assert compiled._own(tmp_path / "a" / "kept") == tmp_path / "a" / "kept"
    assert (tmp_path / "a" / "kept").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    assert compiled._own(tmp_path / "file" / "kept") is None
    assert compiled._own(None) is None


def test_kernels_do_not_hold_the_interpreter_s_lock() -> None:
    assert kernels.loaded().read.targetoptions["nogil"]
