"""Lists a page at a time: each row once, whatever comes and goes, chosen by matchers that cost what they should."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.labels import Matcher
from aiops.web.api.paged import CURSOR_AT_MOST, LOOKED_AT_MOST, Filter, cursor_of, key_in, link, of_list, walk
from aiops.web.api.problems import Trouble

LABELS = st.dictionaries(st.sampled_from(["env", "job"]), st.text(alphabet="ab\n\u00e9", max_size=4))


@given(labels=LABELS, name=st.sampled_from(["env", "job", "no"]), op=st.sampled_from(["=", "!=", "=~", "!~"]),
       value=st.sampled_from(["", "a", "a|b", "a.*", ".+", "(a+)+b?", "[^a]", "\u00e9.?", "a{2}"]))  # fmt: skip
def test_a_filter_chooses_what_the_matcher_does(labels: dict[str, str], name: str, op: str, value: str) -> None:
    text = f'{name}{op}"{value}"'
    assert Filter([text]).fits(labels) == Matcher.parse(text).matches(labels)


def test_all_matchers_must_hold_and_none_chooses_everything() -> None:
    assert Filter(['env="prod"', 'job=~"d.*"']).fits({"env": "prod", "job": "db"})
    assert not Filter(['env="prod"', 'job=~"d.*"']).fits({"env": "prod", "job": "web"})
    assert Filter([]).fits({})
    assert not Filter([])


@pytest.mark.row("A14")
def test_an_expression_made_to_take_forever_does_not() -> None:
    begun = time.process_time()
    assert not Filter(['a=~"(a+)+b"', 'a=~"(a|a)*c"']).fits({"a": "a" * 20_000})
    assert time.process_time() - begun < 30.0, "a backtracking engine would not end before the sun does"


@pytest.mark.parametrize("text", ["", "env", 'env="', 'env=~"("', 'env=~"(?=a)"', 'env=~"\ud800"', 'env=~"a{1001}"', "a" * 999])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(Trouble) as refused:
        Filter([text])
    assert (refused.value.status_code, refused.value.kind) == (422, "no-matcher")


def test_a_label_that_is_no_text_is_matched_all_the_same() -> None:
    assert not Filter(['a=~".*"', 'a=~"x"']).fits({"a": "\ud800"})
    assert Filter(['a!~"x"']).fits({"a": "\ud800"})


@pytest.mark.parametrize(("key", "kinds"), [((5, "id"), (int, str)), ((2**61,), (int,)), (("a", "\u00e9", ""), (str, str, str))])
def test_a_cursor_gives_its_key_back(key: Any, kinds: Any) -> None:
    assert key_in("list", cursor_of("list", key), *kinds) == key
    assert key_in("list", "", *kinds) is None


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", "\u00e9", "=", cursor_of("other", (1,)), cursor_of("list", ("1",)), cursor_of("list", (1, 2)),
     cursor_of("list", ()), cursor_of("list", (2**63,)), cursor_of("list", (True,)), "WyJsaXN0IiwxXQ" + "=" * 9, "e30"],
)  # fmt: skip
def test_what_is_no_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(Trouble) as refused:
        key_in("list", cursor, int)
    assert refused.value.kind == "no-cursor"


def numbers(count: int) -> Callable[[Any, int], Sequence[tuple[tuple[int], int]]]:
    def fetch(after: tuple[int] | None, n: int) -> list[tuple[tuple[int], int]]:
        begin = 0 if after is None else after[0] + 1
        return [((i,), i) for i in range(begin, min(begin + n, count))]

    return fetch


@given(count=st.integers(0, 60), limit=st.integers(1, 25), every=st.integers(1, 5))
def test_pages_hold_every_row_that_is_kept_once(count: int, limit: int, every: int) -> None:
    found: list[int] = []
    after: Any = None
    for _ in range(200):
        page = walk(numbers(count), lambda n: n if n % every == 0 else None, limit, after)
        assert len(page.rows) <= limit
        found += page.rows
        after = page.behind
        if after is None:
            break
        assert len(page.rows) == limit
    assert found == list(range(0, count, every))


def test_a_page_that_finds_little_ends_and_leads_on() -> None:
    page = walk(numbers(100_000), lambda n: n if n > 90_000 else None, 10, None)
    assert page.rows == []
    assert page.behind is not None
    assert LOOKED_AT_MOST <= page.behind[0] < 3 * LOOKED_AT_MOST


def test_a_list_in_memory_goes_on_behind_its_row_wherever_that_is_now() -> None:
    first, cursor = of_list("names", ["a", "b", "c"], lambda x: (x,), 2, "")
    assert first == ["a", "b"]
    assert of_list("names", ["0", "a", "b", "c"], lambda x: (x,), 2, cursor) == (["c"], "")
    with pytest.raises(Trouble, match="is gone"):
        of_list("names", ["a", "c"], lambda x: (x,), 2, cursor)
    with pytest.raises(Trouble):
        of_list("names", [], lambda x: (x,), 2, cursor)


@pytest.mark.parametrize("text", ["\ud800", "x" * 10_000, "\0"])
def test_a_list_in_memory_goes_on_behind_a_row_whatever_its_key_holds(text: str) -> None:
    first, cursor = of_list("names", [text, text + "b"], lambda x: (x,), 1, "")
    assert first == [text]
    assert len(cursor) <= CURSOR_AT_MOST
    assert of_list("names", [text, text + "b"], lambda x: (x,), 1, cursor) == ([text + "b"], "")


def test_the_link_to_the_next_page_keeps_what_was_asked() -> None:
    assert link("/api/v1/x", [], "") == {}
    target = link("/api/v1/x", [("match", 'a="é&"'), ("cursor", "old"), ("limit", "2")], "new")["Link"]
    assert target.endswith('>; rel="next"')
    parts = urlsplit(target[1:].partition(">")[0])
    assert (parts.path, parse_qsl(parts.query)) == ("/api/v1/x", [("match", 'a="é&"'), ("limit", "2"), ("cursor", "new")])
