"""`aiops cards show`: figures as a table and as lines."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.models.card import load_cards
from aiops.pipeline.stages import enter
from aiops.store import Store
from aiops.store.codec import to_json
from tests.store.samples import outcome


@pytest.fixture
def data(tmp_path: Path) -> str:
    store, now = Store.open("", tmp_path), int(time.time())
    with store.transaction() as tx:
        for number in range(5):
            word = "false" if number == 4 else "hit"
            tx.put_outcome(outcome(number, word, settled_s=now - 60, opened_s=now - 600, about={"service": "shop"}))
        tx.put_outcome(outcome(9, "hit", card="cpu_busy", settled_s=now - 40 * 86400))
    store.close()
    return str(tmp_path)


def aiops(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["cards", "show", *arguments])


def test_a_table_of_all_cards(data: str) -> None:
    head, line, *_ = aiops("--data-dir", data).stdout.splitlines()
    assert head.split()[:3] == ["CARD", "SETTLED", "PRECISION"]
    assert line.startswith("disk_full        5  80% (44% to 95%)")
    assert "3m10s/3m10s/3m10s" in line
    assert line.endswith("1 of 5"), "one of five that nobody touched cleared by itself"


def test_further_back_and_by_something_else(data: str) -> None:
    _, *lines = aiops("--data-dir", data, "--since", "90d").stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["cpu_busy", "disk_full"]
    (line,) = aiops("--data-dir", data, "--by", "service", "-o", "json").stdout.splitlines()
    assert (json.loads(line)["name"], json.loads(line)["precision"]) == ("shop", 0.8)


def test_one_of_them(data: str) -> None:
    assert len(aiops("a4", "--by", "entity", "--data-dir", data).stdout.splitlines()) == 2
    assert aiops("inode_exhaustion", "--data-dir", data).stdout.startswith("no verdicts yet\n")
    assert aiops("none", "--by", "entity", "--data-dir", data).stdout == "no verdicts yet\n"
    unknown = aiops("disk_ful", "--data-dir", data)
    assert (unknown.exit_code, unknown.stderr) == (1, "no card 'disk_ful'; did you mean disk_full?\n")


def test_what_confidence_and_intervals_of_a_card_rest_on(data: str) -> None:
    lines = aiops("disk_full", "--data-dir", data).stdout.splitlines()
    said = "disk_full, exhaustion: confidence the model's own, no outcomes yet; interval the model's own, no crossings yet"
    assert said in lines


def test_outcomes_of_a_replay_are_taken_in_once_and_count_up_to_ticket(data: str, tmp_path: Path) -> None:
    file, now = tmp_path / "past.jsonl", int(time.time())
    at = [now - 86400 * n - 90_000 for n in range(30)]
    past = [outcome(100 + n, "hit", settled_s=t, opened_s=t - 90_000, failed_s=t, lead_s=90_000.0) for n, t in enumerate(at)]
    file.write_bytes(b"\n".join(orjson.dumps(to_json(one)) for one in past))
    assert cards(data, "record", "--from", str(file), "--by", "ann").stdout == "disk_full: 30 outcomes of a replay\n"
    assert cards(data, "record", "--from", str(file)).stdout == "nothing new\n"
    said = cards(data, "why-not", "disk_full").stdout.splitlines()[0]
    assert said == "disk_full stands at shadow; 31 of 32 distinct incidents came true, 30 of them in a replay of the past"
    assert cards(data, "promote", "disk_full", "--by", "ann").stdout == "disk_full: shadow -> ticket, by ann\n"
    page = cards(data, "why-not", "disk_full").stdout
    assert "missing    settled incidents: 2, needs 20" in page, "it takes lived ones"


@pytest.mark.parametrize(("text", "why"), [('{"card": 1}', "line 1: warning_id: Field required"), (None, "cannot be read")])
def test_a_file_that_holds_no_outcomes_is_refused(data: str, tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "past.jsonl"
    if text is not None:
        file.write_text(text)
    done = cards(data, "record", "--from", str(file))
    assert done.exit_code == 2
    assert why in done.stderr


@pytest.mark.parametrize("wrong", [("--by", "colour"), ("--since", "soon")])
def test_what_is_asked_wrongly_is_usage(data: str, wrong: tuple[str, str]) -> None:
    assert aiops("--data-dir", data, *wrong).exit_code == 2


def cards(data: str, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["cards", *arguments, "--data-dir", data])


def test_what_is_missing_is_said_and_refused(data: str) -> None:
    shown = cards(data, "why-not", "disk_full").stdout.splitlines()
    assert shown[0] == "disk_full stands at shadow; 1 of 2 distinct incidents came true"
    assert shown[1].startswith("  missing    settled incidents: 2, needs 20")
    refused = cards(data, "promote", "disk_full")
    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (1, "disk_full stays at shadow:")
    plain = json.loads(cards(data, "why-not", "disk_full", "-o", "json").stdout)
    assert (plain["stage"], plain["record"]["settled"], plain["moves"]) == ("shadow", 2, [])


def test_up_by_the_record_and_down_again(data: str) -> None:
    store, now = Store.open("", Path(data)), int(time.time())
    with store.transaction() as tx:
        for n in range(30):
            at = now - 86400 * n - 3600
            tx.put_outcome(outcome(100 + n, "hit", settled_s=at, opened_s=at - 90_000, failed_s=at, lead_s=90_000.0))
    store.close()
    assert cards(data, "promote", "disk_full", "--by", "ann").stdout == "disk_full: shadow -> ticket, by ann\n"
    assert "missing    time since the last move" in cards(data, "why-not", "disk_full").stdout
    down = cards(data, "demote", "disk_full", "--by", "bob", "--why", "too loud")
    assert down.stdout == "disk_full: ticket -> shadow, by bob\n"
    assert "ticket -> shadow, demoted by bob: too loud" in cards(data, "why-not", "disk_full").stdout


def test_a_card_that_is_not_there(data: str) -> None:
    done = cards(data, "promote", "disk_ful")
    assert (done.exit_code, done.stderr.startswith("no card 'disk_ful'; there are ")) == (1, True)
    assert cards(data, "demote", "disk_full", "--to", "page").exit_code == 2


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["cards", "list", *arguments, "-o", "json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_cards_are_listed_one_object_a_line(tmp_path: Path) -> None:
    found = {one["card"]: one for one in listed("--data-dir", str(tmp_path))}
    disk = found["disk_full"]
    assert (disk["stage"], disk["declared"], disk["alerts"]) == ("shadow", "shadow", None)
    assert disk["models"][0] == "exhaustion"
    assert "node_filesystem_avail_bytes" in disk["query"]
    text = CliRunner().invoke(app, ["cards", "list", "--data-dir", str(tmp_path)]).stdout.splitlines()
    assert text[0].split() == ["CARD", "STAGE", "MODELS", "SUMMARY"]
    assert len(text) == len(found) + 1


def test_where_a_card_stands_is_what_the_store_says(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("kind: ModelCard\nname: ours\nalerts: {match: ['severity=\"page\"']}\nstage: ticket\n")
    (tmp_path / "aiops.yaml").write_text("cards: [rules.yaml]\n")
    arguments = ("--config", str(tmp_path / "aiops.yaml"), "--data-dir", str(tmp_path))
    (one,) = listed(*arguments)
    assert (one["stage"], one["declared"], one["alerts"], one["query"]) == ("ticket", "ticket", ['severity="page"'], None)
    store = Store.open("", tmp_path)
    enter(store, load_cards([tmp_path / "rules.yaml"]), {}, "config", "", time.time())
    store.close()
    assert CliRunner().invoke(app, ["cards", "demote", "ours", *arguments]).exit_code == 0
    assert (listed(*arguments)[0]["stage"], listed(*arguments)[0]["declared"]) == ("shadow", "ticket")


def test_a_list_of_a_wrong_configuration_says_why(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("cards: [none.yaml]\n")
    result = CliRunner().invoke(app, ["cards", "list", "--config", str(tmp_path / "aiops.yaml")])
    assert result.exit_code == 1
    assert "none.yaml" in result.output


CHALLENGED = """apiVersion: aiops/v1
kind: ModelCard
name: disk_full
summary: A filesystem will run out of space.
owner: {team: storage}
query: free
forecast: {model: exhaustion, limit: {below: 0.05}}
challenger: {forecast: {model: ets, params: {everything: true}}}
"""


@pytest.fixture
def challenged(data: str) -> tuple[str, ...]:
    """A card with a challenger that was wrong less often; and what the card said of anomalies, which nobody challenges."""
    folder, now = Path(data), int(time.time())
    (folder / "disk_full.yaml").write_text(CHALLENGED)
    (folder / "aiops.yaml").write_text("cards: [disk_full.yaml]\n")
    store = Store.open("", folder)
    with store.transaction() as tx:
        for n in range(40):
            at = now - 7200 * (n + 1)
            words = {"disk_full": "hit" if n % 2 else "false", "disk_full~challenger": "hit" if n % 2 else "unjudgeable"}
            for place, (name, word) in enumerate(words.items()):
                failed = at if word == "hit" else None
                given = {"card": name, "settled_s": at, "opened_s": at - 600, "failed_s": failed, "about": {"kind": "exhaustion"}}
                tx.put_outcome(outcome(1000 * (place + 1) + n, word, **given))
            strange = {"settled_s": at, "opened_s": at - 600, "about": {"kind": "anomaly"}}
            tx.put_outcome(outcome(5000 + n, "false", **strange))
    store.close()
    return ("--config", str(folder / "aiops.yaml"), "--data-dir", data)


def test_a_better_challenger_is_named_with_what_to_write(challenged: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["cards", "compare", "disk_full", *challenged])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("disk_full: exhaustion against ets; what both were judged on in the last 3d")
    assert " ".join(lines[2].split()) == "came true 20 of 40 (37% to 63%) 20 of 20 (88% to 100%) +50% (+33% to +63%)"
    assert "the challenger is better: of what it tells, more comes true" in lines
    assert lines[-2:] == ['  forecast.model: "ets"', '  forecast.params: {"everything": true}']


def test_a_comparison_is_one_object(challenged: tuple[str, ...]) -> None:
    found = json.loads(CliRunner().invoke(app, ["cards", "compare", "disk_full", *challenged, "-o", "json"]).stdout)
    assert (found["card"], found["answer"]) == ("disk_full", "better")
    assert found["champion"]["precision"]["all"] == 40, "anomalies are not challenged"
    assert found["write"] == {"forecast": {"model": "ets", "params": {"everything": True}}}


def test_a_challenger_that_nothing_is_known_of_and_none_at_all(challenged: tuple[str, ...], data: str) -> None:
    none_yet = CliRunner().invoke(app, ["cards", "compare", "disk_full", *challenged, "--since", "1m"])
    assert "was judged yet" in none_yet.stdout
    alone = CliRunner().invoke(app, ["cards", "compare", "memory_exhaustion", "--data-dir", data])
    assert (alone.exit_code, "has no challenger" in alone.stderr) == (1, True)


def test_a_replay_of_the_past_counts_where_it_is_asked_for(challenged: tuple[str, ...], data: str, tmp_path: Path) -> None:
    file, now = tmp_path / "past.jsonl", int(time.time())
    at = [now - 86400 * n - 40 * 86400 for n in range(30)]
    past = [
        outcome(7000 + n, "hit" if n % 3 else "false", card="disk_full~challenger", settled_s=t, opened_s=t - 600, failed_s=None)
        for n, t in enumerate(at)
    ]
    file.write_bytes(b"\n".join(orjson.dumps(to_json(one)) for one in past))
    taken = CliRunner().invoke(app, ["cards", "record", "--from", str(file), "--by", "ann", *challenged])
    assert taken.stdout == "disk_full~challenger: 30 outcomes of a replay\n", taken.output
    settled = []
    for more in ((), ("--replayed",)):
        found = CliRunner().invoke(app, ["cards", "compare", "disk_full", *challenged, *more, "-o", "json"])
        settled.append(json.loads(found.stdout)["challenger"]["precision"]["all"])
    assert settled == [20, 50]


def test_a_challenger_is_listed_behind_its_card(challenged: tuple[str, ...]) -> None:
    champion, challenger = listed(*challenged)
    assert (champion["card"], champion["challenges"], champion["models"]) == ("disk_full", None, ["exhaustion"])
    assert (challenger["card"], challenger["challenges"]) == ("disk_full~challenger", "disk_full")
    assert (challenger["models"], challenger["stage"]) == (["ets"], "shadow")
    text = CliRunner().invoke(app, ["cards", "list", *challenged]).stdout.splitlines()
    assert text[2].split()[:3] == ["disk_full~challenger", "shadow", "ets"]
    assert text[2].endswith("tried beside disk_full")
