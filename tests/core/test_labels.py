"""Label sets, fingerprints and matchers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.labels import Matcher, escape, fingerprint, key, matches_all, subset

names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
label_sets = st.dictionaries(names, st.text(max_size=12), max_size=5)


@given(label_sets, st.randoms())
def test_the_order_of_labels_does_not_matter(labels: dict[str, str], random: object) -> None:
    pairs = list(labels.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert key(dict(pairs)) == key(labels)


@given(label_sets, label_sets)
def test_different_label_sets_have_different_keys(a: dict[str, str], b: dict[str, str]) -> None:
    assert (key(a) == key(b)) == (a == b)


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=5))
def test_a_key_is_sorted_compact_json_whatever_writes_it(labels: dict[str, str]) -> None:
    assert key(labels) == json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def test_half_of_a_surrogate_pair_has_a_key_too() -> None:
    assert key({"b": "\ud800", "a": "1"}) == '{"a":"1","b":"\ud800"}'


@given(st.lists(st.text(alphabet="ab,\"", max_size=4), max_size=4), st.lists(st.text(alphabet="ab,\"", max_size=4), max_size=4))
def test_parts_of_a_fingerprint_do_not_run_together(a: list[str], b: list[str]) -> None:
    assert (fingerprint(*a) == fingerprint(*b)) == (a == b)


def test_a_fingerprint_is_the_same_in_another_process() -> None:
    code = "from aiops.core.labels import fingerprint; print(fingerprint('disk_full', '{}'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint("disk_full", "{}")


def test_a_fingerprint_takes_text_that_is_no_unicode() -> None:
    assert fingerprint("\ud800") != fingerprint("?")


def test_an_absent_label_is_empty_and_the_order_is_as_asked() -> None:
    assert list(subset({"b": "2", "a": "1"}, ["a", "c", "b"]).items()) == [("a", "1"), ("c", ""), ("b", "2")]


@given(st.text(max_size=20))
def test_a_matcher_reads_back_what_it_prints(value: str) -> None:
    matcher = Matcher.make("job", "=", value)
    assert Matcher.parse(str(matcher)) == matcher


@given(st.text(max_size=20))
def test_an_escaped_value_stays_one_literal(value: str) -> None:
    escaped = escape(value)
    assert "\n" not in escaped
    assert not escaped.replace("\\\\", "").replace('\\"', "").count('"')


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ('env="prod"', "prod", True), ('env="prod"', "production", False), ('env!="prod"', "prod", False),
        ('env=~"prod|stage"', "stage", True), ('env=~"prod"', "preprod", False), ('env=~"pro"', "prod", False),
        ('env!~"prod|stage"', "dev", True), ("env=prod", "prod", True), (' env = "prod" ', "prod", True),
        ('env=~"\\\\d+"', "12", True), ('env=~"\\\\d+"', "٣", False), ('env="a\\"b"', 'a"b', True), ('env=~""', "", True),
    ],
)  # fmt: skip
def test_matching(matcher: str, value: str, expected: bool) -> None:
    assert Matcher.parse(matcher).matches({"env": value}) is expected


def test_an_absent_label_matches_as_if_it_were_empty() -> None:
    assert Matcher.parse('env=""').matches({})
    assert Matcher.parse('env!="prod"').matches({})
    assert not Matcher.parse('env=~".+"').matches({})


@pytest.mark.parametrize(
    "written", ["", "env", "env=", '="prod"', 'env=="prod"', '1env="a"', 'env="a" job="b"', 'env="a', "{env=a}"]
)
def test_what_is_no_matcher_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ValueError, match="for example env="):
        Matcher.parse(written)


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        Matcher.parse('env=~"("')


def test_all_matchers_must_hold_and_none_hold_always() -> None:
    matchers = [Matcher.parse('a="1"'), Matcher.parse('b!="2"')]
    assert matches_all(matchers, {"a": "1"})
    assert not matches_all(matchers, {"a": "1", "b": "2"})
    assert matches_all([], {})
