"""Every model has a page for people, and every figure in the documentation a command that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiops.plugins import BUILT_IN

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/**/*.md"))
MODELS = sorted({*BUILT_IN["detectors"], *BUILT_IN["forecasters"]})
PARTS = ("Formula", "When to use", "What it cannot see", "Cost")
COMMAND = re.compile(r"python (?:benchmarks/(\w+)\.py|-m\s+benchmarks\.(\w+))((?:\s+[\w.,+<>-]+)*)")


def commands() -> list[tuple[str, str]]:
    """(benchmark, its options) as pages name them, each once; a command may go on in the next line."""
    found = (one for page in PAGES for one in COMMAND.finditer(page.read_text()))
    return sorted({(one[1] or one[2], " ".join(sorted(re.findall(r"--[a-z-]+", one[3])))) for one in found})


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_a_page_with_all_its_parts(name: str) -> None:
    page = (ROOT / f"docs/models/{name}.md").read_text()
    parts = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    missing = [part for part in PARTS if not parts.get(part, "").strip()]
    assert not missing
    assert re.search(r"^Sources?: \w", page, re.MULTILINE)
    assert COMMAND.search(parts["Cost"]), "what it costs is measured by something"


@pytest.mark.parametrize(("name", "options"), commands())
def test_a_command_that_pages_name_is_there_and_has_its_options(name: str, options: str) -> None:
    path = ROOT / f"benchmarks/{name}.py"
    assert path.is_file()
    said = path.read_text()
    assert [one for one in options.split() if one not in said] == []


def test_commands_are_found_where_they_stand() -> None:
    names = {name for name, _ in commands()}
    assert {"score_turn", "robust_fit", "hot_state", "forecast", "second_tier", "exhaustion", "detection"} <= names
