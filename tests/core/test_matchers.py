"""Matchers mean what they mean to Alertmanager: asked of its own tool where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.labels import Matcher, escape

AMTOOL = shutil.which("amtool")
VALUES = (
    "", "prod", "prod2", "x prod", "a\nb", 'say "hi"', "back\\slash", "\\n", "ä", "日本", "a.b", "axb", "10.0.0.1", "{}", "a,b",
    "$(id)", "\u202e", "'", "`", "=~", "A", "3", "٣",
)  # fmt: skip
WRITTEN = (
    "env=prod", "env = prod", ' env="prod" ', 'env!="prod"', "env!=prod", 'env=~"prod|a.b"', 'env!~"prod.*"', 'env=~"a\\nb"',
    'env="a\\nb"', 'env="say \\"hi\\""', 'env="back\\\\slash"', 'env="back\\slash"', 'env="\\\\n"', 'env=~"\\d"', 'env=~"\\\\d"',
    'env=~".*"', 'env=~".+"', 'env=~""', 'env!~""', 'env=~"a.b"', "env=~a.b", "env=~prod|ä", 'env=~"(?i)a"', 'env=~"^prod$"',
    'env=~"[^p]+"', 'env="{}"', 'env="a,b"', 'env=~"10\\.0\\.0\\.1"', 'env="ä"', "env=日本",
    'other=""', 'other!=""', 'other=~"x?"', 'env="\'"', 'env="`"', 'env="=~"', 'env=~"\\w+"', 'env=~"\\s*\\S+"', 'env="$(id)"',
)  # fmt: skip


def asked(matchers: list[str], value: str, folder: Path) -> set[int]:
    """Which of the matchers hold for env=`value`, by Alertmanager's own routing."""
    routes = [{"matchers": [one], "receiver": f"r{i}", "continue": True} for i, one in enumerate(matchers)]
    receivers = [{"name": f"r{i}"} for i in range(len(matchers))]
    config = {"route": {"receiver": "none", "routes": routes}, "receivers": [{"name": "none"}, *receivers]}
    path = folder / "am.yml"
    path.write_text(
        "".join(c if " " <= c <= "~" else f"\\U{ord(c):08x}" for c in json.dumps(config, ensure_ascii=False))
    )
    command = [str(AMTOOL), "config", "routes", "test", f"--config.file={path}", f'env="{escape(value)}"']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(name[1:]) for name in done.stdout.strip().split(",") if name.startswith("r")}


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed")
def test_what_matches_here_matches_there(tmp_path: Path) -> None:
    here = {v: {i for i, one in enumerate(WRITTEN) if Matcher.parse(one).matches({"env": v})} for v in VALUES}
    there = {v: asked(list(WRITTEN), v, tmp_path) for v in VALUES}
    assert {(v, WRITTEN[i]) for v in VALUES for i in here[v] ^ there[v]} == set()


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed")
def test_any_value_that_is_printed_here_is_read_there(tmp_path: Path) -> None:
    texts: list[str] = []

    @settings(max_examples=150, deadline=None, database=None)
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
    def collect(value: str) -> None:
        texts.append(value)

    collect()
    values = sorted(set(texts))
    matchers = [str(Matcher.make("env", "=", one)) for one in values]
    for i in range(0, len(values), 12):
        assert asked(matchers, values[i], tmp_path) == {i}


@pytest.mark.parametrize(
    "written",
    [
        "env=a b", "env=a,b", "env={a}", 'env=a"b', "env=a\\d", "env='a'", "env=`a`", "env==a", "env=a=b", "env=~a!b",
        'env="a"b"', 'env="a\\"', "env=", "=a", "9env=a", "en v=a", "env", "env~a", 'env="a",', '{env="a"}', "env-x=a",
    ],
)  # fmt: skip
def test_what_two_grammars_read_differently_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no matcher; write for example"):
        Matcher.parse(written)


@pytest.mark.parametrize(
    "regex",
    ["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<x>a)(?P=x)", "(?(1)a|b)", "(?>a)", "a++",
     "a*+", "a?+", "a{2}+", "(?x)a", r"a\Z", "(?#no)a", "a{1001}"],
)  # fmt: skip
def test_what_only_python_knows_is_refused_and_named(regex: str) -> None:
    with pytest.raises(ValueError, match="is no regular expression that Prometheus knows"):
        Matcher.make("env", "=~", regex)


@pytest.mark.parametrize("regex", ["(", "a**", "[", "*", "a{2,1}", "(?P<a", "\\", "\ud800"])
def test_what_is_no_regular_expression_is_refused(regex: str) -> None:
    with pytest.raises(ValueError, match=r"is no regular expression|half a character"):
        Matcher.make("env", "=~", regex)


@pytest.mark.parametrize(
    ("regex", "value"),
    [(r"a\++", "a++"), (r"\(\?=", "(?="), (r"a\\1", "a\\1"), ("(?:a|b)+", "ab"), ("(?i:a)", "A"), ("(?P<x>a)", "a"),
     ("[[:alpha:]]", "a"), (r"\pL", "\u00e9"), ("a{,3}", "a{,3}"), (".", "\u00e9")],
)  # fmt: skip
def test_what_prometheus_reads_is_read_alike(regex: str, value: str) -> None:
    assert Matcher.make("env", "=~", regex).matches({"env": value})


def test_a_label_made_to_stall_the_engine_does_not() -> None:
    begun = time.process_time()
    assert not Matcher.parse('a=~"(a+)+b"').matches({"a": "a" * 20_000})
    assert not Matcher.parse('a=~"(a|a)*c"').matches({"a": "a" * 20_000})
    assert time.process_time() - begun < 30.0, "a backtracking engine would not end before the sun does"


@given(st.text(max_size=30))
def test_any_text_is_a_matcher_or_a_value_error(written: str) -> None:
    try:
        found = Matcher.parse(written)
    except ValueError:
        return
    assert Matcher.parse(str(found)) == found


@given(st.sampled_from(["=", "!=", "=~", "!~"]), st.text(max_size=12))
def test_not_is_the_opposite(op: str, value: str) -> None:
    opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[op]
    try:
        one = Matcher.make("env", op, value)
    except ValueError:
        return
    for text in ("", value, value + "x"):
        assert one.matches({"env": text}) != Matcher.make("env", opposite, value).matches({"env": text})


@pytest.mark.parametrize("value", ["prod\n", "\nprod", "xprod", "prodx", "prod prod"])
def test_a_regular_expression_matches_the_whole_value(value: str) -> None:
    assert not Matcher.make("env", "=~", "prod").matches({"env": value})
    assert not Matcher.make("env", "=~", "prod$").matches({"env": value})
