"""Several queries read as one: each asked once, each series with its part, failures of one not those of all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.telemetry.link import Link
from aiops.telemetry.parts import PART, PartsLink, part_of
from aiops.telemetry.source import Answer, ReadLimits, Source
from tests.telemetry.together import answered


class Made(Source[Params]):
    """Answers what it is told, and counts what it was asked."""

    Params = Params
    concurrent = True

    def __init__(self, **answers: Any) -> None:
        super().__init__("made", Params(), ReadLimits())
        self.answers, self.asked, self.requests = answers, Counter[str](), 0
        self.known: dict[str, tuple[Any, ...]] = {}
        self.labels = {query: tuple({"x": one} for one in found) for query, found in answers.items() if isinstance(found, dict)}

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        self.requests += 1
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)

        def one(text: str) -> Block:
            self.asked[text] += 1
            found = self.answers[text]
            if isinstance(found, SourceError):
                raise found
            values = np.array([[value] * len(times) for value in found.values()], np.float64).reshape(len(found), len(times))
            return Block(self.labels[text], times, values, unit, Lineage("made", text, start_s, end_s))

        block = answered(query, one)
        kept = self.known.setdefault(query, block.labels)
        if kept == block.labels:  # as a real source does
            block = Block(kept, block.time_s, block.values, unit, block.lineage)
        return Answer(block, ("something may be missing",) if "partial" in query else ())

    def probe(self) -> str:
        return "made"


def linked(source: Made, parts: dict[str, str], **more: Any) -> PartsLink:
    link = PartsLink(Link(source, **more), "all")
    link.parts = parts
    return link


def test_each_query_is_asked_once_and_each_series_says_its_part() -> None:
    source = Made(a={"1": 1.0, "2": 2.0}, b={"1": 3.0})
    piece = linked(source, {"p": "a", "q": "b", "r": "a"}).ask("all", 60, 180, 60)
    assert source.asked == {"a": 1, "b": 1}
    assert [(one["x"], part_of(one)) for one in piece.labels] == [("1", "p"), ("2", "p"), ("1", "r"), ("2", "r"), ("1", "q")]
    ((rows, values),) = piece.layers
    assert rows is None
    assert values.tolist() == [[v] * 3 for v in (1.0, 2.0, 1.0, 2.0, 3.0)]
    assert piece.time_s.tolist() == [60, 120, 180]
    assert source.requests == 1


def test_label_sets_are_the_same_object_while_nothing_changes() -> None:
    link = linked(Made(a={"1": 1.0}, b={"1": 2.0}), {"p": "a", "q": "b"})
    assert link.ask("all", 60, 60, 60).labels is link.ask("all", 120, 120, 60).labels


def test_a_part_that_is_refused_is_left_out_and_told() -> None:
    source = Made(a={"1": 1.0}, b=SourceError("made", "bad_query", "many-to-many"))
    link = linked(source, {"p": "a", "q": "b"})
    assert [part_of(one) for one in link.ask("all", 60, 60, 60).labels] == ["p"]
    assert link.errors["b"].kind == "bad_query"
    before = source.requests
    assert len(link.ask("all", 120, 120, 60).labels) == 1
    assert source.requests == before + 2, "each alone, and not first together in vain"
    source.answers["b"] = {"1": 5.0}
    source.labels["b"] = ({"x": "1"},)
    assert len(link.ask("all", 180, 180, 60).labels) == 2
    assert not link.errors


def test_few_are_asked_together_and_long_ones_alone() -> None:
    queries = {f"p{i}": f"m{i}" for i in range(20)} | {"long": "x" * 5000}
    source = Made(**{query: {"1": 1.0} for query in queries.values()})
    assert len(linked(source, queries).ask("all", 60, 60, 60).labels) == 21
    assert source.requests == 4
    assert all(count == 1 for count in source.asked.values())


def test_a_history_is_asked_for_query_by_query() -> None:
    source = Made(a={"1": 1.0}, b={"1": 2.0})
    assert linked(source, {"p": "a", "q": "b"}).ask("all", 60, 60 * 500, 60).layers[0][1].shape == (2, 500)
    assert source.requests == 2


def test_series_come_and_go() -> None:
    source = Made(a={"1": 1.0}, b={"1": 2.0})
    link = linked(source, {"p": "a", "q": "b"})
    link.ask("all", 60, 60, 60)
    source.answers["a"] = {"1": 1.0, "3": 7.0}
    source.labels["a"], source.known = ({"x": "1"}, {"x": "3"}), {}
    piece = link.ask("all", 120, 120, 60)
    assert [one["x"] for one in piece.labels] == ["1", "3", "1"]
    assert piece.layers[0][1][:, 0].tolist() == [1.0, 7.0, 2.0]


def test_a_source_that_is_away_is_away_for_all() -> None:
    link = linked(Made(a={"1": 1.0}, b=SourceError("made", "unreachable", "refused")), {"p": "a", "q": "b"})
    with pytest.raises(SourceError, match="refused"):
        link.ask("all", 60, 60, 60)


def test_nothing_to_ask_is_an_empty_answer() -> None:
    piece = linked(Made(), {}).ask("all", 60, 120, 60)
    assert (piece.labels, piece.layers[0][1].shape) == ((), (0, 2))


def test_any_other_query_goes_to_the_source() -> None:
    link = linked(Made(a={"1": 1.0}, c={"1": 9.0}), {"p": "a"})
    assert PART not in link.ask("c", 60, 60, 60).labels[0]
    assert link.counted("all") == "count(up) or count(a)"


def test_external_labels_and_copies_are_those_of_the_source() -> None:
    source = Made(a={"1": 1.0, "2": 2.0})
    source.labels["a"] = ({"x": "1", "replica": "r1"}, {"x": "1", "replica": "r2"})
    piece = linked(source, {"p": "a"}, labels={"cluster": "eu"}, without=("replica",)).ask("all", 60, 60, 60)
    assert [dict(one) for one in piece.labels] == [{"cluster": "eu", "x": "1", PART: "p"}]
    assert [values.tolist() for _, values in piece.layers] == [[[1.0]], [[2.0]]]


def test_what_a_source_warns_of_is_warned_of_the_whole() -> None:
    piece = linked(Made(a={"1": 1.0}, partial={"1": 2.0}), {"p": "a", "q": "partial"}).ask("all", 60, 60, 60)
    assert piece.partial == piece.lineage.partial == ("something may be missing",)
