"""Working days, routes that wait, receivers that stand in for others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops.config.routing import EARNED, Route, WorkingHours, every, resolved
from aiops.config.settings import load_settings
from aiops.core.errors import FileError


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-03-02T08:00:00+00:00", "2026-03-02T09:00:00+00:00"),  # a Monday before work
        ("2026-03-02T09:00:00+00:00", "2026-03-03T09:00:00+00:00"),
        ("2026-03-06T18:00:00+00:00", "2026-03-09T09:00:00+00:00"),  # Friday evening
        ("2026-03-08T12:00:00+00:00", "2026-03-09T09:00:00+00:00"),
    ],
)
def test_the_next_working_day_begins(now: str, wanted: str) -> None:
    assert WorkingHours().next_begin_s(epoch(now)) == epoch(wanted)


def test_it_begins_by_the_clock_on_the_wall_also_when_that_is_set(tmp_path: Path) -> None:
    hours = WorkingHours(begin="09:00", time_zone="Europe/Berlin", days=[0, 1, 2, 3, 4, 5, 6])
    assert hours.next_begin_s(epoch("2026-03-28T10:00:00+01:00")) == epoch("2026-03-29T09:00:00+02:00")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("working_hours: {begin: 9am}", "working_hours.begin: '9am' is no time of day; write for example 09:00"),
        ("working_hours: {time_zone: Mars}", "working_hours.time_zone: 'Mars' is no time zone"),
        ("routes: [{receiver: stdout, digest: true, group_by: [env]}]", "a digest holds everything"),
        ("routes: [{receiver: stdout, group_wait: 1m}]", "nothing is grouped"),
        ("routes: [{receiver: stdout, digest: true, urgent: true}]", "what is urgent cannot wait"),
        ("heartbeat: {receiver: stdin}", "heartbeat.receiver: no receiver 'stdin'; known: stdout"),
        ("receivers: {stdout: {kind: stdout, fallback: out}}", "receivers.stdout.fallback: no receiver 'out'"),
        (
            "receivers: {stdout: {kind: stdout, fallback: b}, b: {kind: stdout, fallback: stdout}}",
            "receivers.b.fallback: leads back to b; the last receiver of a chain has no fallback",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "aiops.yaml"
    file.write_text(written + "\n")
    with pytest.raises(FileError) as told:
        load_settings(file)
    assert said in str(told.value)
    assert str(told.value).startswith(f"{file}:1:")


def test_a_whole_tree_is_read(tmp_path: Path) -> None:
    file = tmp_path / "aiops.yaml"
    file.write_text("""\
receivers: {stdout: {kind: stdout}, pager: {kind: webhook, url: "https://pager.example/hook", fallback: stdout}}
heartbeat: {receiver: pager, every: 2m}
working_hours: {begin: "08:30", time_zone: Europe/Berlin}
routes:
  - {matchers: ['stage="page"'], urgent: true, receiver: pager, repeat: 30m}
  - {urgent: false, receiver: stdout, digest: true}
  - {receiver: stdout, group_by: [env], group_wait: 1m}
""")
    found = load_settings(file)
    assert [route.urgent for route in found.routes] == [True, False, None]
    assert isinstance(found.routes[0], Route)
    assert found.receivers["pager"].fallback == "stdout"
    assert found.receivers["pager"].params == {"url": "https://pager.example/hook"}


TREE = """
receivers:
  mail: {kind: apprise, urls_file: urls}
  chat: {kind: apprise, urls_file: urls}
  pager: {kind: apprise, urls_file: urls, pages: true}
routes:
  - receiver: mail
    group_by: [cluster]
    group_interval: 5m
    repeat_interval: 4h
    routes:
      - matchers: ['team="web"']
        receiver: chat
        continue: true
        routes: [{matchers: ['env="stage"'], digest: true}]
      - {receiver: pager, group_by: []}
"""


def routes_of(tmp_path: Path, text: str) -> tuple[Route, ...]:
    (tmp_path / "aiops.yaml").write_text(text)
    settings = load_settings(tmp_path / "aiops.yaml")
    return resolved(settings.routes, {name for name, one in settings.receivers.items() if one.pages})


def test_what_a_route_does_not_say_it_has_from_the_one_above(tmp_path: Path) -> None:
    found = {"".join(map(str, loc[1:])): route for loc, route in every(routes_of(tmp_path, TREE))}
    have = {name: (one.receiver, one.group_by, one.group_interval, one.repeat, one.digest) for name, one in found.items()}
    assert have == {
        "0": ("mail", ["cluster"], 300.0, 14400.0, False),
        "0routes0": ("chat", ["cluster"], 300.0, 14400.0, False),
        "0routes0routes0": ("chat", [], 300.0, 14400.0, True),
        "0routes1": ("pager", [], 300.0, 14400.0, False),
    }
    assert [one.continue_ for one in found.values()] == [False, True, False, False]


def test_only_what_has_earned_it_and_cannot_wait_is_routed_to_who_pages(tmp_path: Path) -> None:
    pager = next(one for _, one in every(routes_of(tmp_path, TREE)) if one.receiver == "pager")
    assert (pager.matchers, pager.urgent) == ([EARNED], True)
    patient = TREE.replace("{receiver: pager, group_by: []}", "{receiver: pager, urgent: false}")
    pager = next(one for _, one in every(routes_of(tmp_path, patient)) if one.receiver == "pager")
    assert (pager.matchers, pager.urgent) == ([EARNED], False)


STDOUT = "routes: [{receiver: stdout, routes: [%s]}]"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("routes: [{matchers: ['a=\"b\"']}]", "routes[0]: names no receiver, nor does a route above it; write one of stdout"),
        (STDOUT % "{receiver: out}", "routes[0].routes[0].receiver: no receiver 'out'; did you mean stdout?"),
        (STDOUT % "{recever: stdout}", "routes[0].routes[0].recever: unknown key; did you mean receiver?"),
        (STDOUT % "{group_interval: 1m}", "routes[0].routes[0].group_interval: nothing is grouped"),
    ],
)
def test_a_mistake_in_a_tree_is_told_where_it_is(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(written)
    with pytest.raises(FileError) as told:
        load_settings(tmp_path / "aiops.yaml")
    assert said in str(told.value)
