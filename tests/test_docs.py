"""The documentation says what is so: its tables are those of the code, its snippets run, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from aiops import __version__, plugins
from aiops.cli.app import app
from aiops.cli.author_tests import run_tests
from aiops.cli.check import run_check
from aiops.config.environment import variables
from aiops.config.settings import Settings
from aiops.config.yaml_file import load
from aiops.core.errors import SourceError
from aiops.daemon.daemon import Daemon
from aiops.daemon.metrics import METRICS, exposition, make_registry
from aiops.telemetry.evaluate import AGGREGATIONS, ARITHMETIC, FILTERS, RANGE_FUNCTIONS, evaluate
from aiops.telemetry.samples import FixedSamples
from tests.servers import binary

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(?P<kind>[a-z]*) ?(?P<note>[a-z]*)\n(?P<body>.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
DECISION_PARTS = ["Context", "Choice", "What we gave up", "When to look again"]
COMMANDS = ("aiops", ".venv/bin/aiops")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()
PAGES = {path.relative_to(ROOT).as_posix(): path for path in generate.documents()}


@dataclass(frozen=True)
class Snippet:
    """One fenced block: language, what is said of it, and where it stands."""

    kind: str
    note: str
    body: str
    where: str

    def __str__(self) -> str:
        return self.where


def snippets(*kinds: str, note: str | None = None) -> list[Snippet]:
    found = []
    for name, path in PAGES.items():
        text = path.read_text("utf-8")
        for one in FENCE.finditer(text):
            line = text.count("\n", 0, one.start()) + 1
            found.append(Snippet(one["kind"], one["note"], one["body"], f"{name}:{line}"))
    return [s for s in found if s.kind in kinds and (note is None or s.note == note)]


def each(*kinds: str, note: str | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("snippet", snippets(*kinds, note=note), ids=str)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", [name for name, path in PAGES.items() if "<!-- generated:" in path.read_text("utf-8")])
def test_generated_parts_are_what_the_code_says(name: str) -> None:
    page = PAGES[name].read_text("utf-8")
    assert generate.generated(page, generate.PARTS) == page, "run `make docs`"


@pytest.mark.parametrize("name", generate.FILES)
def test_generated_files_are_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == generate.FILES[name](), "run `make docs`"


def test_every_part_that_can_be_generated_stands_somewhere() -> None:
    there = {one["name"] for path in PAGES.values() for one in generate.PART.finditer(path.read_text("utf-8"))}
    assert there == set(generate.PARTS) | {"demo"}


@pytest.mark.parametrize("word", sorted(variables(Settings)))
def test_every_variable_is_in_the_settings_page(word: str) -> None:
    assert f"| `{word}` |" in PAGES["docs/settings.md"].read_text("utf-8")


def test_every_key_is_in_the_example_of_a_config() -> None:
    example = (ROOT / "config" / "aiops.example.yaml").read_text()
    leaves = {key.rpartition(".")[2] for key, _ in generate.fields(Settings)}
    assert [leaf for leaf in sorted(leaves) if not re.search(rf"\b{leaf}:", example)] == []


@pytest.mark.parametrize(
    ("group", "kind", "key"),
    [(g, k, p) for g, kinds in plugins.BUILT_IN.items() for k in kinds for p in plugins.load(g, k).Params.model_fields],
)
def test_every_parameter_of_a_plug_in_is_in_the_settings_page(group: str, kind: str, key: str) -> None:
    part = PAGES["docs/settings.md"].read_text("utf-8").split(f"### {group[:-1]} `{kind}`\n")[1].split("\n##")[0]
    assert f"| `{key}` |" in part


COMMAND_LINE = dict(generate.walk(get_command(app), "aiops"))


@pytest.mark.parametrize("words", [words for words in COMMAND_LINE if words != "aiops"])
def test_every_command_and_option_is_in_the_commands_page(words: str) -> None:
    page = PAGES["docs/commands.md"].read_text("utf-8")
    command: Any = COMMAND_LINE[words]
    if hasattr(command, "commands"):
        assert f"\n## {words}\n" in page
        return
    part = re.split(rf"\n### `{words}(?: [^`]*)?`\n", page)[1].split("\n##")[0]
    for parameter in command.params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert option == "--help" or f"`{option}`" in part, option


def test_the_daemon_serves_the_metrics_that_are_described(tmp_path: Path) -> None:
    daemon = Daemon(Settings(data_dir=tmp_path))
    try:
        body = exposition(make_registry(daemon), "")[0].decode()
    finally:
        daemon.stop()
    served = dict(re.findall(r"^# TYPE (aiops_\S+) (\S+)$", body, re.M))
    described = {f"{m.name}{'_total' if m.type == 'counter' else ''}": m.type for m in METRICS}
    assert served == described
    assert all(f"| `{name}` |" in PAGES["docs/metrics.md"].read_text("utf-8") for name in described)


@each("yaml")
def test_yaml_is_strict_yaml(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "snippet.yaml").write_text(snippet.body)
    assert load(tmp_path / "snippet.yaml").mistakes == ()


@each("yaml", note="check")
def test_yaml_that_is_shown_as_right_is_right(snippet: Snippet, tmp_path: Path) -> None:
    path = tmp_path / "snippet.yaml"
    path.write_text(snippet.body)
    assert run_check([path], None) == (0, ["ok: 1 file"])


@pytest.mark.parametrize("snippet", [s for s in snippets("yaml", note="check") if "\ntests:\n" in s.body], ids=str)
def test_tests_inside_shown_files_pass(snippet: Snippet, tmp_path: Path) -> None:
    path = tmp_path / "snippet.yaml"
    path.write_text(snippet.body)
    results = run_tests([path])
    assert results
    assert [r.why for r in results if not r.ok] == []


def test_the_shown_card_and_runbook_belong_together(tmp_path: Path) -> None:
    for page in ("cards", "runbooks"):
        (tmp_path / page).mkdir()
        (shown,) = [s for s in snippets("yaml", note="check") if s.where.startswith(f"docs/{page}.md")]
        (tmp_path / page / "shown.yaml").write_text(shown.body)
    (tmp_path / "aiops.yaml").write_text("cards: [cards]\nrunbooks: [runbooks]\n")
    assert run_check([], tmp_path / "aiops.yaml") == (0, ["ok: config, cards and runbooks"])


@each("sh")
def test_shell_is_shell(snippet: Snippet) -> None:
    done = subprocess.run(["bash", "-n"], input=snippet.body, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _calls(snippet: Snippet, programs: tuple[str, ...]) -> Iterator[list[str]]:
    for line in snippet.body.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] in programs:
            yield words[1:]


def _unit_calls() -> list[str]:
    unit = (ROOT / "deploy" / "aiops.service").read_text()
    return re.findall(r"^ExecStart(?:Pre)?=/opt/aiops/bin/aiops (.+)$", unit, re.M)


def test_the_unit_checks_before_it_starts() -> None:
    assert [call.split()[0] for call in _unit_calls()] == ["check", "run"]


@pytest.mark.parametrize("words", [" ".join(words) for s in snippets("sh") for words in _calls(s, COMMANDS)] + _unit_calls())
def test_shown_commands_and_options_exist(words: str) -> None:
    rest, command, name = shlex.split(words), COMMAND_LINE["aiops"], "aiops"
    while rest and f"{name} {rest[0]}" in COMMAND_LINE:
        name = f"{name} {rest.pop(0)}"
        command = COMMAND_LINE[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert name != "aiops" or rest == ["--version"], words
    assert not [word for word in rest if word.startswith("-") and word not in known], words


def test_shown_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = {words[0] for s in snippets("sh") for words in _calls(s, ("make",))}
    assert {"run", "test"} <= shown <= targets


@each("sh", note="run")
def test_shell_that_can_be_run_works(snippet: Snippet, tmp_path: Path) -> None:
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", snippet.body], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_backup_that_is_shown_can_be_made_verified_and_taken_in(tmp_path: Path) -> None:
    Daemon(Settings(data_dir=tmp_path / "var/lib/aiops")).stop()
    (shown,) = [s for s in snippets("sh") if "aiops state export" in s.body]
    commands = [[word.replace("/var/", f"{tmp_path}/var/").replace("/backup/", f"{tmp_path}/backup/") for word in words]
                for words in _calls(shown, COMMANDS)]  # fmt: skip
    assert [words[:2] for words in commands] == [["state", word] for word in ("show", "verify", "export", "import")]
    for words in commands:
        assert (done := CliRunner().invoke(app, words)).exit_code == 0, done.output
    assert CliRunner().invoke(app, ["audit", "verify", "--data-dir", commands[-1][-1]]).stdout.startswith("4 rows, unchanged")


@each("python", note="run")
def test_python_that_is_shown_works(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(snippet.body)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "doctest", "snippet.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _samples() -> FixedSamples:
    time_s = np.arange(0.0, 3600.0, 15.0)
    common = {"instance": "a", "fstype": "ext4", "mode": "idle", "zone": "z", "device": "eth0"}
    names = ("node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_cpu_seconds_total", "a", "b")
    found = [({"__name__": name, **common}, time_s, 1.0 + time_s) for name in (*names, "node_network_receive_errs_total")]
    return FixedSamples(found)


@pytest.mark.parametrize("query", [q for s in snippets("promql", note="") for q in s.body.splitlines()])
def test_queries_that_are_shown_are_evaluated(query: str) -> None:
    found = evaluate(query, _samples(), 3000, 3540, 60)
    assert np.isfinite(found.values).any()


@pytest.mark.parametrize("query", [q for s in snippets("promql", note="refused") for q in s.body.splitlines()])
def test_queries_that_are_shown_as_refused_are_refused(query: str) -> None:
    with pytest.raises(SourceError, match="outside the subset") as refused:
        evaluate(query, _samples(), 3000, 3540, 60)
    assert refused.value.kind == "unsupported"


@pytest.mark.parametrize("word", [*AGGREGATIONS, *sorted(RANGE_FUNCTIONS), *ARITHMETIC, *FILTERS])
def test_every_construct_of_the_subset_is_named(word: str) -> None:
    assert re.search(rf"[`\s]{re.escape(word)}[`\s]", PAGES["docs/promql.md"].read_text("utf-8"))


def _slugs(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    broken = []
    for one in LINK.finditer(FENCE.sub("", page.read_text("utf-8"))):
        to, _, part = one["to"].partition("#")
        target = page.parent / to if to else page
        if "://" not in to and (not target.exists() or (part and part not in _slugs(target))):
            broken.append(one["to"])
    assert not broken


def test_every_page_can_be_reached_from_the_first() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for one in LINK.finditer(page.read_text("utf-8")):
            target = (page.parent / one["to"].partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file():
                todo.append(target)
    assert set(PAGES.values()) == seen


@pytest.mark.parametrize("name", [name for name in PAGES if re.search(r"decisions/\d{4}-", name)])
def test_a_decision_has_its_four_parts_and_stays_short(name: str) -> None:
    text = PAGES[name].read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.M) == DECISION_PARTS
    assert text.startswith(f"# {Path(name).name[:4]} ")
    assert len(text.splitlines()) <= 40


def test_decisions_are_numbered_without_gap() -> None:
    numbers = [int(Path(name).name[:4]) for name in PAGES if re.search(r"decisions/\d{4}-", name)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_readme_shows_the_demo_to_its_end() -> None:
    (shown,) = [s for s in snippets("text") if s.where.startswith("README.md")]
    words = [line.split()[1] for line in shown.body.splitlines() if line and not line.startswith("$")]
    assert [w for w in ("WARNING", "RUNBOOK", "CROSSING", "OUTCOME") if w not in words] == []
    assert re.search(r"OUTCOME.*hit.*before the failure", shown.body)


def test_the_changelog_speaks_of_this_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_contributing_fits_on_a_page_and_names_every_kind() -> None:
    text = PAGES["CONTRIBUTING.md"].read_text("utf-8")
    assert len(text.splitlines()) <= 80
    assert [g for g in plugins.BUILT_IN if f"| a{'n' if g[0] in 'aeiou' else ''} {g[:-1]} |" not in text] == []


def test_the_layout_names_every_folder() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    folders = {name.partition("/")[0] for name in tracked if "/" in name and not name.startswith(".")}
    named = set(re.findall(r"^\| `(\w+)/` \|", PAGES["README.md"].read_text("utf-8"), re.M))
    assert folders == named


def test_alerts_on_the_daemon_ask_for_metrics_there_are_and_promtool_takes_them() -> None:
    rules = ROOT / "deploy" / "alerts.yml"
    known = {f"{m.name}{'_total' if m.type == 'counter' else ''}" for m in METRICS}
    assert set(re.findall(r"\baiops_\w+", rules.read_text())) <= known
    command = [binary("promtool", "prometheus"), "check", "rules", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
