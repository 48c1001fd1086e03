"""Silences as Alertmanager tells them, made up and real."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aiops.core.durations import rfc3339
from aiops.core.errors import SourceError
from aiops.core.labels import matches_all
from aiops.telemetry.document import Document
from aiops.telemetry.silences import PATH, silences_in
from tests import servers


def silence(matchers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    times = {"startsAt": "2026-03-01T00:00:00.000Z", "endsAt": "2026-03-01T02:00:00.000Z"}
    return {"id": "s1", "createdBy": "ann", "comment": "disk swap", "matchers": matchers, **times, **more}


def is_(name: str, value: str, regex: bool = False, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": equal}


def test_a_silence_means_what_its_matchers_mean() -> None:
    all_four = [is_("a", "1"), is_("b", "x|y", regex=True), is_("c", "1", equal=False), is_("d", "z.*", True, False)]
    (one,) = silences_in("am", json.dumps([silence(all_four)]).encode()).spans
    assert (one.end_s - one.start_s, one.why) == (7200, "silence s1 by ann: disk swap")
    assert [str(m) for m in one.match] == ['a="1"', 'b=~"x|y"', 'c!="1"', 'd!~"z.*"']
    assert matches_all(one.match, {"a": "1", "b": "y", "c": "2"})
    assert not matches_all(one.match, {"a": "1", "b": "y", "c": "1"})


def test_an_old_alertmanager_has_no_is_equal() -> None:
    (one,) = silences_in("am", json.dumps([silence([{"name": "a", "value": "1", "isRegex": False}])]).encode()).spans
    assert str(one.match[0]) == 'a="1"'


@pytest.mark.parametrize("broken", [is_("a", "(?=x)", regex=True), is_("a", "(", regex=True), {"name": "a"}])
def test_one_that_cannot_be_read_masks_nothing_and_is_noted(broken: dict[str, Any]) -> None:
    found = silences_in("am", json.dumps([silence([broken]), silence([is_("b", "2")])]).encode())
    assert [str(one.match[0]) for one in found.spans] == ['b="2"']
    assert [note.startswith("silence s1 masks nothing") for note in found.notes] == [True]


def test_one_without_matchers_would_mask_all_and_so_masks_nothing() -> None:
    assert silences_in("am", json.dumps([silence([])]).encode()).spans == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"x"'])
def test_what_is_no_list_of_silences_is_an_error(body: bytes) -> None:
    with pytest.raises(SourceError):
        silences_in("am", body)


def test_what_a_real_alertmanager_tells(tmp_path: Path) -> None:
    now = time.time()
    body = silence([is_("instance", "a|b", regex=True)], startsAt=rfc3339(now - 5), endsAt=rfc3339(now + 3600)) | {"id": ""}
    with servers.webhook() as hook, servers.alertmanager(tmp_path, hook.url) as url:
        data = json.dumps(body).encode()
        head = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}{PATH}", data, head, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            name = json.load(answer)["silenceID"]
        document = Document("am", url + PATH)
        (one,) = silences_in("am", document.read()).spans
        assert (one.why, [str(m) for m in one.match]) == (f"silence {name} by ann: disk swap", ['instance=~"a|b"'])
        assert one.start_s <= time.time() < one.end_s
        urllib.request.urlopen(urllib.request.Request(f"{url}/api/v2/silence/{name}", method="DELETE"), timeout=30).close()
        (over,) = silences_in("am", document.read()).spans
        assert over.end_s <= time.time() + 1, "expired by hand: it ends when it was"
        document.close()
