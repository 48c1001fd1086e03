"""Templates: what the real promtool refuses to load is a mistake, what it loads is none."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from aiops.rules.go_template import template_mistake
from tests import servers

GOOD = [
    "plain", "{{ $labels.x }} at {{ $value }}", "{{ .Labels.x }}", "{{ $value | humanize }}", '{{ printf "%.2f }}" $value }}',
    "{{ if gt $value 5.0 }}a{{ else }}b{{ end }}", "{{ if eq $labels.a `}}` }}a{{ else if $value }}b{{ end }}",
    '{{ with query "up" }}{{ . | first | value | humanize }}{{ end }}', "{{ $x := 5 }}{{ $x }}", "{{- $value -}}",
    "{{/* note }} */}}",
    '{{ range $i, $l := query "up" }}{{ $i }}{{ $l.Value }}{{ else }}none{{ end }}', "{{ (index $labels `a`) }}",
    "{{ true }}{{ .Foo }}",
    '{{ define "a" }}x{{ end }}{{ template "a" . }}', "{{ $externalLabels.a }}{{ $externalURL }}", "}} alone", "{ { $x } }",
    "{{ $labels.a | reReplaceAll `(.*):.*` `$1` | toUpper }}", '{{ range query "up" }}{{ break }}{{ end }}', "{{ humanize }}",
    "{{ -1 }}{{ 1e3 }}{{ 'a' }}", "{{- /* a */ -}}", "{{ not (and $value (or 1 2)) }}", "{{ $ }}", "{{ len $labels }}",
    "{{ stripPort $labels.instance }} {{ toTime $value }} {{ parseDuration `1h` }}",
]  # fmt: skip
BAD = [
    ("{{ $labels.x", 0, "not closed"), ("a {{ $value | humanize", 2, "not closed"), ("{{ nofunc $value }}", 3, "'nofunc'"),
    ("{{ $labels.x | nofunc }}", 15, "'nofunc'"), ("{{ $foo }}", 3, "$foo"), ("{{ if $value }}", 0, "{{ end }}"),
    ("{{ end }}", 2, "closes nothing"), ("{{ else }}", 2, "closes nothing"), ("{{ }}", 2, "empty"), ("{{ ( $value }}",
    2, "bracket"),
    ("{{ $value ) }}", 10, "closes nothing"), ("{{ 3 | 4 }}", 7, "takes nothing"),
    ('{{ range query "up" }}a', 0, "{{ end }}"), ('{{ "a }}', 3, "not expected"), ("{{ $value ; }}", 10, "not expected"),
    ("{{ if $value }}{{ else }}{{ else }}{{ end }}", 27, "closes nothing"),
]  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The templates because of which promtool would not load a file."""
    path: Path = tmp_path_factory.mktemp("rules") / "rules.yml"
    every = [*GOOD, *(text for text, _, _ in BAD)]
    rules = [{"alert": f"T{i}", "expr": "a > 1", "annotations": {"a": text}} for i, text in enumerate(every)]
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    done = subprocess.run([servers.binary("promtool", "prometheus"), "check", "rules",
    path], capture_output=True, text=True, timeout=60)
    return {every[int(i)] for i in re.findall(r'rule \d+, "T(\d+)"', done.stdout + done.stderr)}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_loaded_is_no_mistake(text: str, refused: set[str]) -> None:
    assert template_mistake(text) is None
    assert text not in refused


@pytest.mark.parametrize(("text", "at", "what"), BAD)
def test_what_is_not_loaded_is_a_mistake_at_its_place(text: str, at: int, what: str, refused: set[str]) -> None:
    found = template_mistake(text)
    assert found is not None
    assert found[0] == at
    assert what in found[1]
    assert text in refused
