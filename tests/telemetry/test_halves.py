"""A range that is too much for a source comes in smaller pieces, and what never comes is named."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import Lineage, Remark
from aiops.telemetry.halves import in_halves, joined
from aiops.telemetry.link import Piece

STEP, HOUR = 300, 3600
BAD = range(20 * HOUR, 20 * HOUR + 600)


class Server:
    """Answers up to `most` instants, and nothing that touches `bad`."""

    def __init__(self, most: int, bad: range = range(0), kind: str = "bad_query") -> None:
        self.most, self.bad, self.kind, self.asked = most, bad, kind, list[tuple[int, int]]()

    def ask(self, start_s: int, end_s: int) -> Piece:
        self.asked.append((start_s, end_s))
        time_s = np.arange(start_s, end_s + 1, STEP)
        if len(time_s) > self.most or any(at in self.bad for at in time_s.tolist()):
            raise SourceError("made", self.kind, "too many samples")
        labels = ({"a": "1"},) if end_s < 12 * HOUR else ({"a": "2"}, {"a": "1"})
        values = np.stack([time_s * float(one["a"]) for one in labels])
        return Piece(labels, time_s, ((None, values),), Lineage("made", "q", start_s, end_s))


def test_what_is_answered_in_one_piece_is_asked_once() -> None:
    server = Server(10_000)
    in_halves(server.ask, HOUR, 24 * HOUR, STEP)
    assert server.asked == [(HOUR, 24 * HOUR)]


def test_what_is_too_much_is_put_together_from_pieces() -> None:
    server = Server(50)
    found = in_halves(server.ask, HOUR, 24 * HOUR, STEP)
    assert found.time_s.tolist() == list(range(HOUR, 24 * HOUR + 1, STEP))
    assert [one["a"] for one in found.labels] == ["1", "2"]
    (rows, values), = found.layers
    assert rows is None
    assert values[0].tolist() == found.time_s.tolist()
    there = np.isfinite(values[1])
    assert (values[1][there] == 2 * found.time_s[there]).all()
    assert there.any()
    assert found.partial == ()


def test_what_is_never_answered_is_named_and_the_rest_is_there() -> None:
    found = in_halves(Server(10_000, BAD).ask, HOUR, 24 * HOUR, STEP)
    known = found.time_s[np.isfinite(found.layers[0][1][0])]
    assert 0 < len(found.time_s) - len(known) <= HOUR // STEP + 1
    (note,) = found.partial
    assert isinstance(note, Remark), "what came is whole"
    assert note.startswith("history from 1970-01-01T1")
    assert note.endswith("is missing: bad_query: too many samples")


def test_what_is_refused_whatever_its_size_is_not_halved() -> None:
    server = Server(0)
    with pytest.raises(SourceError, match="too many samples"):
        in_halves(server.ask, HOUR, 24 * HOUR, STEP)
    assert len(server.asked) == 2


def test_a_source_that_is_away_is_not_asked_again() -> None:
    server = Server(50, kind="timeout")
    with pytest.raises(SourceError):
        in_halves(server.ask, HOUR, 24 * HOUR, STEP)
    assert len(server.asked) == 1


def test_second_copies_of_a_series_are_put_together_as_well() -> None:
    def piece(begin: int, copies: bool) -> Piece:
        time_s = np.arange(begin, begin + 2)
        layers = ((None, np.ones((2, 2))), *(((np.array([1]), np.full((1, 2), 2.0)),) if copies else ()))
        return Piece(({"a": "1"}, {"a": "2"}), time_s, layers, Lineage("made", "q", begin, begin + 1))

    found = joined([piece(0, False), piece(2, True)], np.arange(4))
    rows, values = found.layers[1]
    assert rows is not None
    assert rows.tolist() == [1]
    np.testing.assert_array_equal(values, [[np.nan, np.nan, 2.0, 2.0]])
    with pytest.raises(ValueError, match="nothing"):
        joined([], np.arange(4))
