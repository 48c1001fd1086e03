"""The configuration: arguments, variables, file in that order, and every mistake where it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiops.config.environment import WHERE
from aiops.config.settings import Settings, load_settings
from aiops.core.errors import FileError

HOST = "receivers: {}\nroutes: []\n"
"""Nobody is told: these tests are about everything else."""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "aiops.yaml"
    path.write_text(HOST + text)
    return path


def loaded(tmp_path: Path, text: str) -> Settings:
    return load_settings(write(tmp_path, text))


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(FileError) as e:
        loaded(tmp_path, text)
    return [str(m).replace(f"{tmp_path}/", "") for m in e.value.mistakes]


def test_without_a_source_this_host_is_watched_every_five_seconds(tmp_path: Path) -> None:
    (host,) = loaded(tmp_path, "").sources.values()
    assert (host.kind, host.step) == ("host", 5.0)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.yaml")


def test_an_unknown_variable_is_a_mistake_that_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOPS_LIMITS__SERES", "5")
    monkeypatch.setenv("AIOPS_DATADIR", "/x")
    assert mistakes(tmp_path, "log_levle: info\n") == [
        f"{WHERE}:1:1: AIOPS_DATADIR: unknown variable; did you mean AIOPS_DATA_DIR?",
        f"{WHERE}:1:1: AIOPS_LIMITS__SERES: unknown variable; did you mean AIOPS_LIMITS__SERIES?",
        "aiops.yaml:3:1: log_levle: unknown key; did you mean log_level?",
    ]


def test_a_variable_goes_before_the_file_and_an_argument_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "web: {listen: 127.0.0.1:1}\nlimits: {series: 7}\n")
    monkeypatch.setenv("AIOPS_WEB__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("AIOPS_LIMITS__SERIES", "9")
    assert load_settings(path).web.listen == "127.0.0.1:2"
    assert load_settings(path).limits.series == 9
    assert load_settings(path, listen="127.0.0.1:3").web.listen == "127.0.0.1:3"


def test_a_bad_value_in_a_variable_is_told_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_LIMITS__SERIES", "many")
    monkeypatch.setenv("AIOPS_ROUTES", "not json")
    told = mistakes(tmp_path, "")
    assert len(told) == 1
    assert told[0].startswith(f"{WHERE}:1:1: AIOPS_ROUTES: is no JSON")
    monkeypatch.delenv("AIOPS_ROUTES")
    assert mistakes(tmp_path, "") == [f"{WHERE}:1:1: AIOPS_LIMITS__SERIES: must be a whole number, not 'many'"]


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    settings = loaded(tmp_path, "cards: [cards]\nrunbooks: [books]\ndata_dir: data\n")
    assert (settings.cards, settings.runbooks) == ([tmp_path / "cards"], [tmp_path / "books"])
    assert settings.data_dir == tmp_path / "data"


def test_a_password_in_a_url_and_a_secret_header_are_refused(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        "sources:\n  p:\n    kind: prometheus\n    url: http://u:p@h:1\n    headers: {Authorization: Bearer x}\n"
        "store: {url: 'postgresql+psycopg://a:b@h/d'}\n",
    )
    assert [line.split(": ")[0] + line.split(": ")[1] for line in told] == [
        "aiops.yaml:6:5sources.p.url",
        "aiops.yaml:7:15sources.p.headers.Authorization",
        "aiops.yaml:8:9store.url",
    ]
    assert not any("u:p" in line or "Bearer x" in line for line in told), "a secret is not repeated in the message"


def test_what_a_shell_would_fill_in_is_refused(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "sources:\n  p: {kind: prometheus, url: 'http://${HOST}:9090'}\nlineage: {url: 'http://h/${A:-b}'}\n")
    how = "is not filled in from the environment; write the value out, or set the variable"
    assert [line.split(": ", 1)[1] for line in told] == [
        f"sources.p.url: ${{HOST}} {how} AIOPS_SOURCES__P__URL in its place; secrets by a *_file",
        f"lineage.url: ${{A:-b}} {how} AIOPS_LINEAGE__URL in its place; secrets by a *_file",
    ]


def test_two_sources_of_one_name_are_told_with_both_lines(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "sources:\n  a: {kind: host}\n  a: {kind: host}\n")
    assert told == ['aiops.yaml:5:3: sources.a: duplicate key "a", first on line 4; keep one of them']


def test_a_route_to_nobody_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "aiops.yaml"
    path.write_text("receivers: {}\nroutes: [{receiver: nobody}]\nlog_levle: info\n")
    with pytest.raises(FileError) as e:
        load_settings(path)
    assert [m.field for m in e.value.mistakes] == ["routes[0].receiver", "log_levle"]


def test_keys_without_a_value_are_told(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "cards:\nsources:\n  h:\n    kind: host\n    step:\n") == [
        "aiops.yaml:3:1: cards: is empty; write a value, or remove the key",
        "aiops.yaml:7:5: sources.h.step: is empty; write a value, or remove the key",
    ]


def test_a_name_that_would_leave_its_folder_is_refused(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "sources: {../x: {kind: host}}\n")
    assert "does not have the form" in line


def test_the_example_in_the_repository_is_right() -> None:
    example = Path(__file__).parents[2] / "config" / "aiops.example.yaml"
    if not example.exists():
        pytest.skip("run outside the repository")
    assert set(load_settings(example).sources) == {"prod-eu"}
