"""Remote-write requests, byte by byte and before a real Prometheus."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.telemetry.remote_wire import labels_of
from aiops.telemetry.remote_write import HEADERS, series, write_request
from tests.servers import prometheus

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,9}", fullmatch=True).filter(lambda name: name != "__name__")


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), max_size=8))
def test_labels_read_back_in_their_order(labels: dict[str, str]) -> None:
    found = labels_of(series("x", labels))
    assert found == {**labels, "__name__": "x"}
    assert list(found) == sorted(found)


def test_an_empty_label_is_none() -> None:
    assert labels_of(series("x", {"a": ""})) == {"__name__": "x"}


def test_a_large_request_is_split_into_literals() -> None:
    body = write_request([(series("x", {"i": str(i)}), float(i), 1) for i in range(5000)])
    assert len(body) > 65536


@pytest.mark.parametrize("hostile", ["\n\"}", "\u202ex", "a" * 5000, "\x00"])
def test_a_real_prometheus_takes_it(tmp_path: Path, hostile: str) -> None:
    now = time.time()
    with prometheus(tmp_path) as url:
        body = write_request([(series("aiops_x", {"l": hostile}), 2.5, int(now * 1000))])
        request = urllib.request.Request(f"{url}/api/v1/write", body, HEADERS, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 204
        query = urllib.parse.urlencode({"query": "aiops_x", "time": now})
        (found,) = json.load(urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30))["data"]["result"]
        assert found["value"][1] == "2.5"
        assert found["metric"]["l"] == hostile
