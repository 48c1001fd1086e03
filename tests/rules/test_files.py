from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aiops.core.durations import LONGEST_S
from aiops.core.errors import FileError
from aiops.rules.files import MAX_RULES, AlertingRule, RuleFile, read_rules
from tests import servers


def written(tmp_path: Path, text: str) -> RuleFile:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    return read_rules(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(FileError) as refused:
        written(tmp_path, text)
    return [f"{m.line}:{m.column}: {m.field}: {m.message}" for m in refused.value.mistakes]


WHOLE = """\
groups:
  - name: tanks
    interval: 30s
    rules:
      - record: tank:used:ratio
        expr: tank_used / tank_size
      - alert: TankFull
        expr: |
          tank:used:ratio
            > 0.9
        for: 1h30m
        keep_firing_for: 5m
        labels: {severity: critical, tier: 1}
        annotations:
          summary: "{{ $labels.tank }} is full"
"""


def test_an_alerting_rule_is_read_whole(tmp_path: Path) -> None:
    assert written(tmp_path, WHOLE).rules == (
        AlertingRule(
            file=str(tmp_path / "rules.yml"), line=7, group="tanks", alert="TankFull", expr="tank:used:ratio\n  > 0.9",
            for_s=5400, keep_firing_for_s=300, interval_s=30, labels=(("severity", "critical"), ("tier", "1")),
            annotations=(("summary", "{{ $labels.tank }} is full"),),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "groups:\n", "groups: []\n", "groups: [{name: a, rules: }]\n"])
def test_a_file_may_be_empty(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, text) == RuleFile((), ())


def test_anchors_and_merge_keys_are_followed(tmp_path: Path) -> None:
    text = """\
groups:
  - name: a
    rules:
      - &base
        alert: A
        expr: a > 1
        for: 5m
        labels: &labels {severity: page}
      - <<: *base
        alert: B
        labels: *labels
"""
    found = written(tmp_path, text).rules
    assert [(r.alert, r.expr, r.for_s, r.labels) for r in found] == [
        ("A", "a > 1", 300, (("severity", "page"),)),
        ("B", "a > 1", 300, (("severity", "page"),)),
    ]


@pytest.mark.parametrize("key", ["partial_response_strategy: warn", "source_tenants: [a]", "limit: 5", "query_offset: 1m"])
def test_keys_of_servers_that_take_the_same_files_are_known(tmp_path: Path, key: str) -> None:
    assert written(tmp_path, f"groups:\n  - name: a\n    {key}\n    rules: []\n") == RuleFile((), ())


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("5m", 300), ("1d2h", 93_600), ("100ms", 0.1), ("200y", LONGEST_S)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    (rule,) = written(tmp_path, f"groups: [{{name: a, rules: [{{alert: A, expr: a > 1, for: {text}}}]}}]").rules
    assert rule.for_s == pytest.approx(seconds)


RULE = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: a > 1\n"


OBJECT = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: tanks}
spec:
  groups:
  - name: a
    rules:
    - {alert: A, expr: a > 1}
"""


def test_of_several_documents_the_first_is_read_as_prometheus_does(tmp_path: Path) -> None:
    assert [r.alert for r in written(tmp_path, RULE + "---\ngroups: [what: ever\n").rules] == ["A"]


def test_rules_in_manifests_are_read(tmp_path: Path) -> None:
    text = OBJECT + "---\napiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n---\n" + OBJECT.replace("alert: A", "alert: B")
    assert [(r.alert, r.line, r.group) for r in written(tmp_path, text).rules] == [("A", 8, "a"), ("B", 21, "a")]


@pytest.mark.parametrize("kind", ["List", "PrometheusRuleList"])
def test_rules_in_a_list_of_objects_are_read(tmp_path: Path, kind: str) -> None:
    items = "".join("- " + OBJECT.replace("\n", "\n  ").rstrip(" ").replace("alert: A", f"alert: {name}") for name in "AB")
    text = f"apiVersion: v1\nkind: {kind}\nitems:\n{items}- {{apiVersion: v1, kind: ConfigMap}}\n"
    assert [(r.alert, r.line, r.group) for r in written(tmp_path, text).rules] == [("A", 11, "a"), ("B", 19, "a")]


def test_a_list_without_rules_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="2:1: kind: List holds no rules"):
        written(tmp_path, "apiVersion: v1\nkind: List\nitems: []\n")


def test_a_mistake_in_a_manifest_stands_where_it_is(tmp_path: Path) -> None:
    found = written(tmp_path, OBJECT.replace("a > 1", "a >> 1"))
    assert [(m.line, m.column, m.field) for m in found.mistakes] == [(8, 27, "spec.groups[0].rules[0].expr")]


def test_labels_of_a_group_are_those_of_its_rules_unless_they_have_their_own(tmp_path: Path) -> None:
    text = RULE.replace("  rules:", "  labels: {team: a, severity: low}\n  rules:") + "    labels: {severity: high}\n"
    assert dict(written(tmp_path, text).rules[0].labels) == {"team": "a", "severity": "high"}


TEMPLATES = [
    ('    labels: {v: "{{ $labels.x"}\n', (6, 18, "labels.v", "a template is not closed; close it with }}")),
    ('    annotations: {v: "a {{ nofunc $value }}"}\n', (6, 28, "annotations.v", "no template function is called 'nofunc'")),
    (
        "    annotations:\n      v: >-\n        a\n        {{ $foo }}\n",
        (9, 12, "annotations.v", "the template variable $foo is not declared"),
    ),
]


@pytest.mark.parametrize(("more", "expected"), TEMPLATES)
def test_a_template_that_does_not_load_is_told_at_its_place_and_the_rule_is_kept(
    tmp_path: Path, more: str, expected: tuple[int, int, str, str]
) -> None:
    found = written(tmp_path, RULE + more)
    told = [(m.line, m.column, m.field.removeprefix("groups[0].rules[0]."), m.message) for m in found.mistakes]
    assert told == [expected]
    assert len(found.rules) == 1


def test_a_wrong_key_hides_no_wrong_expression(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RULE.replace("a > 1", "a >> 1") + "    for: 5\n")
    assert [one.split(": ")[0] for one in found] == ["5:14", "6:5"]


REFUSED = [
    ("- alert: A\n  expr: a > 1\n", ["1:1: document: a rule file is a mapping with `groups:`"]),
    ("rules: []\n", ["1:1: rules: is no key that Prometheus knows here; known: groups, namespace"]),
    ("groups: {}\n", ["1:1: groups: must be a list"]),
    (
        "groups: [a]\n",
        ["1:10: groups[0]: a group is a mapping with `name:` and `rules:`", "1:10: groups[0].name: a group needs a name"],
    ),
    ("groups:\n- rules: []\n", ["2:3: groups[0].name: a group needs a name"]),
    (
        "groups:\n- {name: a}\n- {name: a}\n",
        ["3:4: groups[1].name: a group named 'a' is there already; group names are unique in a file"],
    ),
    (RULE + "    fro: 5m\n", ["6:5: groups[0].rules[0].fro: is no key that Prometheus knows here; did you mean for?"]),
    (RULE + "    for: 5\n", ["6:5: groups[0].rules[0].for: '5' is no duration; write for example 30s, 5m or 1h30m"]),
    (RULE + "    for: 30m1h\n", ["6:5: groups[0].rules[0].for: '30m1h' is no duration; write for example 30s, 5m or 1h30m"]),
    (RULE + "    for: ٣m\n", ["6:5: groups[0].rules[0].for: '٣m' is no duration; write for example 30s, 5m or 1h30m"]),
    (RULE + "    for: [5m]\n", ["6:5: groups[0].rules[0].for: must be a text"]),
    (RULE + "    record: b\n", ["4:5: groups[0].rules[0]: a rule has one of `alert` and `record`, not both"]),
    (RULE + "    alert: B\n", ["4:5: groups[0].rules[0].alert: is there twice; keep one"]),
    (
        RULE + "    labels: {a-b: c}\n",
        ["6:14: groups[0].rules[0].labels.a-b: 'a-b' is no label name; use letters, digits and _, and no digit first"],
    ),
    (RULE + "    labels: [a]\n", ["6:5: groups[0].rules[0].labels: must be a mapping of names to texts"]),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n", ["4:5: groups[0].rules[0].expr: an expression is needed"]),
    ("groups:\n- name: a\n  rules:\n  - expr: a\n", ["4:5: groups[0].rules[0]: a rule has one of `alert` and `record`"]),
    (
        "groups:\n- name: a\n  rules:\n  - {record: bad-name, expr: a}\n",
        ["4:6: groups[0].rules[0].record: 'bad-name' is no metric name; use letters, digits, _ and :, and no digit first"],
    ),
    ("groups:\n- name: a\n  limit: abc\n", ["3:3: groups[0].limit: 'abc' is no whole number"]),
    (
        "groups:\n- name: a\n  query_offset: -5m\n",
        ["3:3: groups[0].query_offset: '-5m' is no duration; write for example 30s, 5m or 1h30m"],
    ),
    (
        "apiVersion: v1\nkind: ConfigMap\n",
        ["2:1: kind: ConfigMap holds no rules; give a rule file of Prometheus, or a PrometheusRule"],
    ),
    ("apiVersion: v1\nkind: PrometheusRule\nspec: []\n", ["3:1: spec: a rule file is a mapping with `groups:`"]),
    (
        "apiVersion: v1\nkind: PrometheusRule\nmetdata: {}\nspec: {groups: []}\n",
        ["3:1: metdata: is no key that Prometheus knows here; did you mean metadata?"],
    ),
    (
        "groups:\n- name: a\n  rules:\n  - {record: b, expr: a, for: 5m}\n",
        ["4:26: groups[0].rules[0].for: belongs to an alerting rule, not to a recording rule"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_what_prometheus_refuses_is_refused_where_it_stands(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, text) == expected


@pytest.mark.parametrize("text", ["groups: [", "a: b: c\n", "groups:\n\t- name: a\n"])
def test_what_is_no_yaml_is_refused(tmp_path: Path, text: str) -> None:
    assert len(mistakes(tmp_path, text)) == 1


def test_a_mistake_in_an_expression_stands_where_it_is_and_the_rule_is_kept(tmp_path: Path) -> None:
    text = RULE.replace("a > 1", "|\n      a > 1 and\n        sum(rate(b[5m])") + "  - {record: c, expr: 'a >'}\n"
    found = written(tmp_path, text)
    assert [r.alert for r in found.rules] == ["A"]
    assert [(m.line, m.column, m.field) for m in found.mistakes] == [
        (7, 12, "groups[0].rules[0].expr"),
        (8, 26, "groups[0].rules[1].expr"),
    ]


def test_what_is_not_understood_is_no_mistake(tmp_path: Path) -> None:
    assert written(tmp_path, "groups: [{name: a, rules: [{alert: A, expr: 'mad_over_time(a[5m]) > 1'}]}]").mistakes == ()


def test_a_file_of_aliases_ends_at_the_largest_number_of_rules(tmp_path: Path) -> None:
    rules = "".join("      - *r\n" for _ in range(300))
    groups = "".join(f"  - {{name: g{i}, rules: *rules}}\n" for i in range(80))
    text = f"groups:\n  - name: a\n    rules: &rules\n      - &r {{alert: A, expr: a > 1}}\n{rules}{groups}"
    assert mistakes(tmp_path, text)[0].endswith(f"has more than {MAX_RULES} rules; split the file")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_rules(tmp_path / "none.yml")


ACCEPTED = [WHOLE, "", "groups: []\n", RULE, RULE + "    for: 0s\n    labels: {a: 1}\n", RULE.replace("A", '"${x} y"')]


@pytest.mark.parametrize(("text", "fine"), [(t, True) for t in ACCEPTED] + [(t, False) for t, _ in REFUSED])
def test_prometheus_itself_judges_the_same(tmp_path: Path, text: str, fine: bool) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text.replace("        keep_firing_for: 5m\n", ""))  # newer than some servers
    program = servers.binary("promtool", "prometheus")
    done = subprocess.run([program, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is fine, done.stdout + done.stderr
    if fine:
        read_rules(path)
