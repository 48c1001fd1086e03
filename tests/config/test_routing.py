"""Working days, routes that wait, receivers that stand in for others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops.config.routing import Route, WorkingHours
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
