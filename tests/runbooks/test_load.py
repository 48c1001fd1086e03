"""Runbooks from files: the specification's examples, ours, and sets of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.errors import FileError
from aiops.runbooks import load_runbook, load_runbooks
from aiops.runbooks.simulate import run_tests
from tests.runbooks.samples import POOL, loaded

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec" / "runbooks"
EXAMPLES = ("db-pool-saturation", "disk-filling-up", "minimal")
SMALLEST = """\
apiVersion: aiops/v1
kind: Runbook
name: licence-runs-out
summary: A licence will run out. Tell its owner.
owner: {team: platform}
match: {kind: forecast, signal: licence_days, lead_time: {max: 14d}}
notify: {route: platform, impact: Nobody will be able to log in.}
"""


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_specification_load_unchanged_and_their_tests_pass(name: str) -> None:
    path = SPEC / f"{name}.yaml"
    if not path.exists():
        pytest.skip("the specification's examples are not beside the repository")
    verdicts = run_tests(load_runbook(path))
    assert [v.why for v in verdicts if not v.ok] == []
    assert verdicts or name == "minimal"


def test_the_smallest_runbook_only_tells(tmp_path: Path) -> None:
    runbook = loaded(tmp_path, SMALLEST)
    assert (runbook.mode, runbook.steps, runbook.tests) == ("suggest", [], [])
    assert runbook.match.lead_time is not None
    assert runbook.match.lead_time.max == 14 * 86400


def test_a_runbook_that_writes_carries_everything_a_reviewer_asks_for(tmp_path: Path) -> None:
    runbook = loaded(tmp_path)
    assert [s.id for s in runbook.steps if s.effect == "write"] == ["clean", "grow"]
    assert [v.why for v in run_tests(runbook) if not v.ok] == []


def test_the_sha_is_that_of_the_file(tmp_path: Path) -> None:
    first, again = loaded(tmp_path), loaded(tmp_path, POOL, "copy.yaml")
    changed = loaded(tmp_path, POOL.replace("cooldown: 1h", "cooldown: 2h"))
    assert first.sha == again.sha != changed.sha
    assert len(first.sha) == 12


def test_one_name_twice_is_told_at_the_name_with_the_other_file(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(SMALLEST)
    with pytest.raises(FileError) as e:
        load_runbooks([tmp_path])
    (mistake,) = e.value.mistakes
    assert (Path(mistake.path).name, mistake.line, mistake.field) == ("b.yaml", 3, "name")
    assert "a.yaml" in mistake.message


def test_mistakes_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALLEST.replace("apiVersion: aiops/v1", "apiVersion: v2"))
    (tmp_path / "b.yaml").write_text(SMALLEST.replace("team: platform", "tem: platform"))
    with pytest.raises(FileError) as e:
        load_runbooks([tmp_path])
    assert [(Path(m.path).name, m.field) for m in e.value.mistakes] == [
        ("a.yaml", "apiVersion"),
        ("b.yaml", "owner.team"),
        ("b.yaml", "owner.tem"),
    ]
