"""What must hold of every file: its size, where it stands, what it may import, and what no file says."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aiops import plugins
from aiops.core.params import Params

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES, BROAD_EXCEPTS = 400, 60, 5
CONTENT = ("models", "runbooks", "config")
HEAVY = {
    "numpy", "pandas", "scipy", "sklearn", "statsmodels", "pyarrow", "sqlalchemy", "alembic", "fastapi", "uvicorn",
    "requests", "apscheduler", "promql_parser", "numba",
}  # fmt: skip
PORTS = {"Source", "Detector", "Forecaster", "Action", "Notifier"}
FAMILIES = {"ByHour", "SecondTier", "SecondLook", "OnCluster", "HandOver"}
"""Plug-ins in part: what several of them share."""
ROOMS_WITH_PLUG_INS = {"telemetry", "models", "responses", "notify"}
WITHOUT_OWN_TEST = frozenset({
    "backtest/lines.py", "config/judge.py", "config/messages.py", "config/schema.py", "config/yaml_strict.py",
    "models/card_check.py", "models/interface.py", "pipeline/beyond.py",
    "pipeline/states.py", "pipeline/turn.py", "pipeline/watch.py", "runbooks/check_action.py",
    "runbooks/shape.py", "store/tables.py", "store/tx.py", "telemetry/labelling.py", "telemetry/mounts.py",
    "telemetry/ranges.py", "telemetry/ring.py", "telemetry/samples.py", "telemetry/vectors.py",
    "telemetry/window_file.py",
})  # fmt: skip
"""Modules that are tested with their neighbours and have no test file of their own yet. It only ever gets shorter."""
SAID_NOWHERE = {
    "a path of one machine": r"(?<![\w.])/(work|root|home/\w+|opt/pypi)/|\.pyenv|/tmp/venv",
    "the address of a package index": r"pypi\.(org|python)|pythonhosted|registry\.npmjs|--(extra-)?index-url|--find-links",
    "how the work was done": r"(?i)\b(claude|anthropic|chatgpt|openai|copilot|sub-?agents?|ai agents?|language model)\b",
    "the number of a task": r"(?i)\bissue #?\d+\b|\bsession of the project\b",
    "a note to oneself": r"\b(TODO|FIXME|XXX|HACK)\b",
}


@cache
def tracked() -> list[Path]:
    """Every file that belongs to the project: known to git, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = sorted({name for name in listed.stdout.decode().split("\0") if name})
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def sources(*folders: str) -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in folders]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def test_no_file_is_longer_than_the_cap() -> None:
    long = {name(p): n for p in sources("aiops", "tests", "benchmarks", "docs") if (n := len(text(p).splitlines())) > FILE_LINES}
    assert not long, "split them by what they do"


def test_no_function_is_longer_than_the_cap() -> None:
    long = [
        f"{name(p)}:{node.lineno}: {node.name} {length}"
        for p in sources("aiops", "benchmarks", "docs")
        for node in ast.walk(ast.parse(text(p)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long


def test_content_folders_hold_no_python() -> None:
    assert not [name(p) for p in sources(*CONTENT)]


def test_broad_excepts_stay_few() -> None:
    broad = [
        f"{name(p)}:{node.lineno}"
        for p in sources("aiops")
        for node in ast.walk(ast.parse(text(p)))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or _names(node.type) & {"Exception", "BaseException"})
    ]
    assert len(broad) <= BROAD_EXCEPTS, broad


def _last(node: ast.AST) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@pytest.mark.parametrize("what", SAID_NOWHERE)
def test_no_file_says(what: str) -> None:
    pattern = re.compile(SAID_NOWHERE[what])
    found = [
        f"{name(p)}:{i}: {line.strip()[:80]}"
        for p in tracked()
        if p != Path(__file__) and p.suffix not in (".parquet", ".npz", ".png") and p.name != "LICENSE"
        for i, line in enumerate(text(p).splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def modules() -> list[Path]:
    """Modules that a test file mirrors: not the doors of packages, not the migrations, which run with every store."""
    own = (p for p in sources("aiops") if not p.name.startswith("__") and "migrations" not in p.parts)
    return [p.relative_to(ROOT / "aiops") for p in own]


def has_own_test(module: Path) -> bool:
    folder = ROOT / "tests" / module.parent
    return (folder / f"test_{module.name}").is_file() or any(folder.glob(f"test_{module.stem}_*.py"))


def test_every_module_has_its_test_file() -> None:
    without = {m.as_posix() for m in modules() if not has_own_test(m)}
    assert without - WITHOUT_OWN_TEST == set(), "write tests/<room>/test_<module>.py"


def test_the_list_of_modules_without_test_only_shrinks() -> None:
    without = {m.as_posix() for m in modules() if not has_own_test(m)}
    assert WITHOUT_OWN_TEST - without == set(), "these have a test now, or are gone: take them off the list"


def test_test_files_stand_where_their_module_stands() -> None:
    rooms = {p.name for p in (ROOT / "aiops").iterdir() if p.is_dir() and (p / "__init__.py").is_file()}
    rooms |= {"acceptance", "sweeps", "faults", "bad"}
    places = {name(p): p.relative_to(ROOT).parts for p in sources("tests")}
    assert {where for where, parts in places.items() if len(parts) > 2 and parts[1] not in rooms} == set()


def test_storeys_and_edges_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def module_file(dotted: str) -> Path | None:
    """The file of a module of ours; None for other people's, and for the doors of packages, through which everybody goes."""
    path = ROOT.joinpath(*dotted.split(".")).with_suffix(".py")
    return path if dotted.startswith("aiops.") and path.is_file() else None


def imported(path: Path) -> set[Path]:
    """Modules of ours that a file names in any import, be it in a function or for types alone."""
    dotted: set[str] = set()
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Import):
            dotted |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            dotted |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return {found for found in map(module_file, dotted) if found}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {path: imported(path) for path in sources("aiops") if path.name != "__init__.py"}
    assert sum(map(len, graph.values())) > 1000, "imports were found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        pytest.fail(" <- ".join(map(name, e.args[1])))


def test_the_catalogue_knows_every_plug_in_there_is() -> None:
    targets = {target for points in plugins.BUILT_IN.values() for target in points.values()}
    found = {
        f"{'.'.join(p.relative_to(ROOT).with_suffix('').parts)}:{node.name}"
        for p in sources("aiops")
        if p.relative_to(ROOT).parts[1] in ROOMS_WITH_PLUG_INS
        for node in ast.walk(ast.parse(text(p)))
        if isinstance(node, ast.ClassDef)
        and node.name not in FAMILIES
        and any(isinstance(base, ast.Subscript) and _last(base.value) in PORTS | FAMILIES for base in node.bases)
    }
    assert found == targets


@pytest.mark.parametrize(("group", "kind"), [(g, k) for g in ("sources", "actions", "notifiers") for k in plugins.BUILT_IN[g]])
def test_a_plug_in_describes_its_parameters_and_names_its_source(group: str, kind: str) -> None:
    found = plugins.load(group, kind)
    assert issubclass(found.Params, Params)
    assert not [n for n, f in found.Params.model_fields.items() if not f.description]
    assert "Source:" in found.__doc__
    assert ">>>" in found.__doc__


@pytest.mark.parametrize(
    "module", [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sources("aiops") if ">>> " in text(p)]
)
def test_examples_in_docstrings_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["backtest", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "aiops", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in imported, "the list of imports was not read"
    assert imported & HEAVY == set()


def test_serving_begins_without_the_slow_libraries() -> None:
    code = "import sys, aiops.web.serve; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"sklearn", "statsmodels", "pandas", "scipy", "numba"} == set()


def pins(file: str) -> dict[str, set[str]]:
    """Package to its pinned versions (more than one where Python versions differ)."""
    found: dict[str, set[str]] = {}
    for one in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / file).read_text(), re.M):
        found.setdefault(canonicalize_name(one[0]), set()).add(one[1])
    return found


LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-build.txt"]


@pytest.mark.parametrize("file", LOCKS)
def test_the_lock_fits_what_the_project_asks_for(file: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups, backend = project["dependency-groups"], project["build-system"]["requires"]
    own = list(project["project"]["dependencies"])
    asked = {"requirements-dev.txt": own + groups["dev"], "requirements-build.txt": groups["build"] + backend}.get(file, own)
    locked = pins(file)
    for one in map(Requirement, asked):
        versions = locked.get(canonicalize_name(one.name), set())
        assert versions, f"{one.name} is not locked: make lock"
        assert all(one.specifier.contains(v) for v in versions), f"{one} is locked at {versions}: make lock"


@pytest.mark.parametrize("file", LOCKS)
def test_every_pin_has_hashes_and_no_address(file: str) -> None:
    lines = (ROOT / file).read_text().replace("\\\n", " ").splitlines()
    for line in lines:
        assert line.startswith("#") or re.match(r"[a-z0-9.-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line), line
        assert "://" not in line


def test_all_locks_pin_the_same_versions() -> None:
    runtime, dev, build = (pins(file) for file in LOCKS)
    assert {n: v for n, v in dev.items() if n in runtime} == runtime
    assert {n: v for n, v in dev.items() if n in build} == {n: v for n, v in build.items() if n in dev}


def test_nothing_is_installed_that_the_locks_do_not_pin() -> None:
    for file in ("Makefile", "Dockerfile", "deploy/aiops.service"):
        for line in re.findall(r"^.*(?:pip|PIP\)) install.*$", (ROOT / file).read_text(), re.M):
            for one in line.split("pip install")[1:] or [line]:
                alone = "--no-deps" in one and ("--no-build-isolation" in one or ".whl" in one)
                assert alone or "--require-hashes" in one, line


def test_the_workflow_runs_the_same_commands_as_a_person() -> None:
    steps = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "make " in line]
    assert steps == ["make check", "exec make test"]
