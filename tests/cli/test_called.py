"""How the program was called."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aiops.cli.called import called


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """`aiops` in a folder with a space in its name, on this interpreter."""
    found = tmp_path / "my env" / "aiops"
    found.parent.mkdir()
    found.write_text(f"#!{sys.executable}\nfrom aiops.cli.called import called\nprint(called())\n")
    found.chmod(0o755)
    return found


def said(*command: str, **more: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", **more})
    return done.stdout.strip()


def test_a_program_that_is_on_the_path_is_named_alone(program: Path) -> None:
    assert said("/bin/sh", "-c", "aiops", PATH=f"{program.parent}:/usr/bin:/bin") == "aiops"


def test_one_that_is_not_is_named_so_that_the_line_can_be_copied(program: Path, tmp_path: Path) -> None:
    first = said(str(program))
    assert shlex.split(first) == [str(program)]
    assert said("/bin/sh", "-c", first) == first
    near = subprocess.run(["my env/aiops"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert near.stdout.strip() == "'my env/aiops'"


def test_another_one_of_that_name_on_the_path_is_not_meant(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "aiops").symlink_to("/bin/true")
    assert shlex.split(said(str(program), PATH=f"{other}:/usr/bin:/bin")) == [str(program)]


def test_a_module_is_named_with_its_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/aiops/__main__.py"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert called() == f"{shlex.quote(sys.executable)} -m aiops"
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert called() == f"{Path(sys.executable).name} -m aiops"


def test_within_another_program_it_is_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    assert called() == "aiops"
