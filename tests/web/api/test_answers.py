"""What is answered carries a mark of its content: nothing is sent twice, and nothing is changed unseen."""

from __future__ import annotations

import json
import threading
import time

import pytest
from fastapi import Request

from aiops.web.api.answers import answer, changed, encoded, named, tag_of, unchanged
from aiops.web.api.problems import Trouble


def request(**headers: str) -> Request:
    return Request({"type": "http", "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]})


def test_half_of_a_surrogate_pair_is_written_as_an_escape() -> None:
    body = encoded({"a": "\ud800", "b": "\U0001f600"})
    assert json.loads(body) == {"a": "\ud800", "b": "\U0001f600"}
    body.decode("ascii")


def test_what_whoever_asks_has_is_not_sent_again() -> None:
    first = answer(request(), b"[1]", {"Link": "x"})
    tag = first.headers["etag"]
    assert (first.status_code, first.body, first.headers["cache-control"]) == (200, b"[1]", "private, no-cache")
    for mark in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = answer(request(if_none_match=mark), b"[1]", {"Link": "x"})
        assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", tag)
    assert answer(request(if_none_match=tag), b"[2]").status_code == 200
    assert answer(request(if_none_match='"known"'), b"[2]", {"ETag": '"known"'}).status_code == 304


@pytest.mark.parametrize(("header", "found"), [('"x"', False), ("x", False), ("", False), ('"a"', True), ('W/"a" , "b"', True)])
def test_marks_are_read_from_a_list(header: str, found: bool) -> None:
    assert named(header, '"a"') is found


def test_what_is_not_as_it_was_read_is_not_changed() -> None:
    with unchanged("", lambda: b"never asked"), unchanged(tag_of(b"1"), lambda: b"1"):
        pass
    for current in (b"2", None):
        with pytest.raises(Trouble) as refused, unchanged(tag_of(b"1"), lambda body=current: body):  # type: ignore[misc]
            pytest.fail("it must not come to this")
        assert refused.value.status_code == 412


def test_of_two_who_saw_the_same_one_changes_it() -> None:
    content, done = [b"1"], []

    def change(name: str) -> None:
        try:
            with unchanged(tag_of(b"1"), lambda: content[0]):
                time.sleep(0.01)
                content[0] = name.encode()
                done.append(name)
        except Trouble:
            pass

    threads = [threading.Thread(target=change, args=(name,)) for name in "abcd"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(done) == 1


def test_a_change_tells_the_new_mark() -> None:
    assert changed({"on": True}, b"x").headers["etag"] == tag_of(b"x")
    assert "etag" not in changed({"on": True}).headers
