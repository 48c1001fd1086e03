"""`aiops check`: each file on its own, or everything that can be loaded and what it says of each other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from tests.models.test_card import CARD
from tests.runbooks.samples import POOL
from tests.runbooks.test_load import SMALLEST

POOL_CARD = """\
apiVersion: aiops/v1
kind: ModelCard
name: pool_used_up
summary: A pool of workers will be used up.
owner: {team: web-sre}
query: workers_free
signal: workers_free
forecast: {limit: {below: 1}, horizon: 1d}
entity: [service]
"""
CONFIG = "receivers: {}\nroutes: []\ncards: [cards]\nrunbooks: [runbooks]\nresponses: {groups: {web-sre: [ann]}}\n"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, a card and its runbook, in which nothing is wrong."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"aiops.yaml": CONFIG, "cards/pool_used_up.yaml": POOL_CARD, "runbooks/pool.yaml": POOL}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def check(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["check", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout.splitlines()


def add(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_of_a_config_that_was_judged_alone_it_is_said_what_was_left_out(tree: Path) -> None:
    add(tree / "aiops.yaml", "cards: [cards]", "cards: [nowhere]\nstages: {nothing: ticket}")
    alone = CliRunner().invoke(app, ["check", "aiops.yaml"])
    assert (alone.exit_code, alone.stdout) == (0, "ok: 1 file\n")
    said = "the cards, runbooks and files that it names were not judged; `aiops check --config aiops.yaml` does"
    assert alone.stderr == f"aiops.yaml: {said}\n"
    assert CliRunner().invoke(app, ["check", "cards"]).stderr == ""
    assert check("--config", "aiops.yaml")[0] == 1


def test_what_is_right_is_right(tree: Path) -> None:
    assert check("--config", "aiops.yaml") == (0, ["ok: config, cards and runbooks"])
    assert check("cards", "runbooks/pool.yaml", "aiops.yaml") == (0, ["ok: 3 files"])


def test_the_shipped_set_is_right() -> None:
    assert check() == (0, ["ok: config, cards and runbooks"])


def test_everything_that_is_wrong_is_told_at_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_LOGLEVEL", "debug")
    add(tree / "aiops.yaml", "routes: []", "rootes: []")
    add(tree / "cards" / "pool_used_up.yaml", "signal:", "signl:")
    add(tree / "runbooks" / "pool.yaml", "cooldown:", "coldown:")
    code, lines = check("--config", "aiops.yaml")
    assert code == 1
    assert [line.split(": ")[:2] for line in lines] == [
        ["(environment):1:1", "AIOPS_LOGLEVEL"],
        [f"{tree}/cards/pool_used_up.yaml:7:1", "signl"],
        [f"{tree}/runbooks/pool.yaml:18:3", "guards.coldown"],
        [f"{tree}/runbooks/pool.yaml:37:5", "steps[2].effect"],
        ["aiops.yaml:2:1", "rootes"],
    ]


def test_a_missing_config_file_is_told_and_the_exit_code_is_1(tmp_path: Path) -> None:
    code, lines = check("--config", str(tmp_path / "none.yaml"))
    assert code == 1
    assert f"{tmp_path}/none.yaml:1:1: file: cannot be read: No such file or directory" in lines


def test_each_file_is_judged_on_its_own(tree: Path) -> None:
    (tree / "alone.yaml").write_text(
        POOL.replace("signal: workers_free\n  labels", "signal: nobody_gives_this\n  labels")
    )
    (tree / "card.yaml").write_text(CARD)
    assert check("alone.yaml", "card.yaml") == (0, ["ok: 2 files"])


def test_with_a_config_a_runbook_that_no_card_reaches_is_told(tree: Path) -> None:
    (tree / "alone.yaml").write_text(SMALLEST)
    code, lines = check("alone.yaml", "--config", "aiops.yaml")
    assert code == 1
    assert [line.split(": ")[:2] for line in lines] == [
        ["alone.yaml:6:1", "match"],
        ["alone.yaml:7:10", "notify.route"],
    ]
    assert "no card has the signal licence_days" in lines[0]
    assert "no receiver 'platform'" in lines[1]


def test_with_a_config_a_card_without_runbook_or_source_is_told(tree: Path) -> None:
    (tree / "card.yaml").write_text(CARD)
    code, lines = check("card.yaml", "--config", "aiops.yaml")
    assert code == 1
    assert [line.split(": ")[:2] for line in lines] == [["card.yaml:6:11", "sources[0]"], ["card.yaml:10:1", "signal"]]


def test_what_is_switched_off_reaches_nothing_and_answers_nothing(tree: Path) -> None:
    add(tree / "runbooks" / "pool.yaml", "mode: approve\n", "mode: approve\nenabled: false\n")
    _, lines = check("--config", "aiops.yaml")
    assert [line.split(": ")[1] for line in lines] == ["signal"]


def test_secret_files_that_cannot_be_read_are_told_all(tree: Path) -> None:
    add(
        tree / "aiops.yaml",
        "receivers: {}",
        "sources:\n  p:\n    kind: prometheus\n    url: http://127.0.0.1:9\n    bearer_token_file: secrets/token\n"
        "    ca_file: secrets/ca.pem\nreceivers: {}",
    )
    _, lines = check("--config", "aiops.yaml")
    assert [line.split(": ")[:2] for line in lines] == [
        ["aiops.yaml:5:5", "sources.p.bearer_token_file"],
        ["aiops.yaml:6:5", "sources.p.ca_file"],
    ]
    assert f"{tree}/secrets/token cannot be read: No such file" in lines[0]


def test_a_stage_for_a_card_that_is_not_there_is_told(tree: Path) -> None:
    add(tree / "aiops.yaml", "routes: []", "routes: []\nstages: {pool_usd_up: ticket}")
    _, lines = check("--config", "aiops.yaml")
    assert lines == ["aiops.yaml:3:10: stages.pool_usd_up: no card 'pool_usd_up'; did you mean pool_used_up?"]


def test_a_folder_without_yaml_is_no_silent_success(tmp_path: Path) -> None:
    code, lines = check(str(tmp_path))
    assert code == 1
    assert "holds no YAML file" in lines[0]


def test_a_file_of_no_known_kind_is_told(tree: Path) -> None:
    (tree / "x.yaml").write_text("kind: Deployment\n")
    code, lines = check("x.yaml")
    assert (code, lines[0].split(": ")[:2]) == (1, ["x.yaml:1:1", "kind"])


def test_mistakes_as_json_one_a_line(tree: Path) -> None:
    add(tree / "cards" / "pool_used_up.yaml", "signal:", "signl:")
    code, lines = check("cards", "-o", "json")
    (found,) = [json.loads(line) for line in lines]
    assert (code, found["line"], found["column"], found["field"]) == (1, 7, 1, "signl")


def test_label_text_in_a_file_cannot_break_the_line(tree: Path) -> None:
    (tree / "x.yaml").write_text(POOL_CARD + 'cohort: ["a\\nfake.yaml:1:1: b: c"]\n')
    code, lines = check("x.yaml")
    assert code == 1
    assert all(line.startswith("x.yaml:") for line in lines)


def test_a_mistake_in_the_config_hides_none_of_its_references(tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text(
        "sources:\n  prod: {kind: prometheus, url: 'http://127.0.0.1:9090', stepp: 5s, bearer_token_file: nowhere/token}\n"
        "receivers:\n  a: {kind: stdout}\n  b: {kind: stdout}\nroutes: [{receiver: a}]\nstages: {disk_ful: ticket}\n"
    )
    code, lines = check("--config", str(config))
    assert code == 1
    fields = {line.split(": ")[1] for line in lines}
    assert fields == {"sources.prod.stepp", "sources.prod.bearer_token_file", "receivers.b", "stages.disk_ful"}


def test_masks_and_pilots_name_cards_that_there_are(tree: Path) -> None:
    add(tree / "aiops.yaml", "routes: []", (
        "routes: []\nmasks: {m: {kind: incidents, cards: [pool_usd_up]}}\n"
        "pilots: {p: {cards: [pool_used_up, nothing], owner: sre, since: 2026-09-01}}"
    ))  # fmt: skip
    _, lines = check("--config", "aiops.yaml")
    assert lines == [
        "aiops.yaml:3:38: masks.m.cards[0]: no card 'pool_usd_up'; did you mean pool_used_up?",
        "aiops.yaml:4:36: pilots.p.cards[1]: no card 'nothing'; known: pool_used_up",
    ]


def test_files_that_masks_name_must_be_there(tree: Path) -> None:
    mask = 'masks: {m: {kind: silences, url: "http://127.0.0.1:9", bearer_token_file: secrets/none}}'
    add(tree / "aiops.yaml", "routes: []", f"routes: []\n{mask}")
    _, lines = check("--config", "aiops.yaml")
    assert [line.partition(": ")[2][:24] for line in lines] == ["masks.m.bearer_token_file"[:24]]


def test_a_policy_that_almost_names_a_source_or_a_receiver_is_told(tree: Path) -> None:
    receivers = "receivers: {am-eu: {kind: webhook, url: http://127.0.0.1:9}, out: {kind: stdout}}"
    routes = "routes: [{receiver: am-eu, continue: true}, {receiver: out}]"
    add(tree / "aiops.yaml", "receivers: {}\nroutes: []", f"{receivers}\n{routes}")
    (tree / "aiops.yaml").write_text(
        (tree / "aiops.yaml").read_text() + "sources: {prod-eu: {kind: host}}\npolicy: policy.yaml\n"
    )
    (tree / "policy.yaml").write_text("sources:\n  prod_eu: {class: internal}\nlocations:\n  am_eu: eu\n  web: eu\n")
    assert check("--config", "aiops.yaml") == (1, [
        f"{tree}/policy.yaml:2:3: sources.prod_eu: no source 'prod_eu' in the config; did you mean prod-eu?",
        f"{tree}/policy.yaml:4:3: locations.am_eu: no receiver 'am_eu' in the config; did you mean am-eu?",
    ])  # fmt: skip
    (tree / "policy.yaml").write_text(
        "sources:\n  prod-eu: {class: internal}\n  prod-us: {class: internal}\nlocations: {am-eu: eu, am-us: us}\n"
    )
    assert check("--config", "aiops.yaml")[0] == 0, "one policy for many daemons names what is not here"


def test_a_label_that_warnings_may_not_have_is_a_warning_and_no_mistake(tree: Path) -> None:
    add(tree / "cards/pool_used_up.yaml", "entity: [service]", "entity: [instance]")
    code, lines = check("--config", "aiops.yaml")
    assert (code, lines[-1]) == (0, "ok: config, cards and runbooks")
    assert "target_by[0]: warning: warnings of pool_used_up may have no label service" in lines[0]
    code, lines = check("runbooks/pool.yaml", "--config", "aiops.yaml", "-o", "json")
    assert (code, [json.loads(line)["level"] for line in lines]) == (0, ["warning"])


@pytest.mark.parametrize("file", [["cards/pool_used_up.yaml"], []], ids=["alone", "everything"])
def test_a_unit_that_ucum_does_not_have_is_a_warning_at_its_line(tree: Path, file: list[str]) -> None:
    path = tree / "cards/pool_used_up.yaml"
    path.write_text(path.read_text() + "unit: furlongs\n")
    code, lines = check(*file, "--config", "aiops.yaml")
    at = path.read_text().count("\n")
    told = [line for line in lines if "furlongs" in line]
    assert code == 0
    assert len(told) == 1
    assert f"cards/pool_used_up.yaml:{at}:1: unit: warning: 'furlongs' is no unit of UCUM" in told[0]
    assert "write" in told[0]


def test_a_warning_stands_behind_mistakes_and_makes_none_of_itself(tree: Path) -> None:
    add(tree / "cards/pool_used_up.yaml", "entity: [service]", "entity: [instance]")
    add(tree / "runbooks/pool.yaml", "route: default", "route: nowhere")
    code, lines = check("--config", "aiops.yaml", "-o", "json")
    assert (code, [json.loads(line)["level"] for line in lines]) == (1, ["mistake", "warning"])


def test_types_that_never_fit_are_a_mistake_at_their_line(tree: Path) -> None:
    add(tree / "runbooks/pool.yaml", "if: steps.look.json.idle > 3", "if: symptom.lead_time > '1h'")
    (line,) = check("runbooks/pool.yaml")[1]
    number = 1 + (tree / "runbooks/pool.yaml").read_text().splitlines().index("    if: symptom.lead_time > '1h'")
    assert line.startswith(f"runbooks/pool.yaml:{number}:5: steps[2].if: ")
    assert "symptom.lead_time, which is a number, is compared with '1h', which is text" in line
