"""How unusual a silence is: judged against the silences a series had before, and never usual by lasting."""

from __future__ import annotations

import numpy as np

from aiops.symptoms.absence import LEAST_STEPS, RATIO, firing, initial, scale, step

MINUTE_S, HOUR, DAY = 60, 60, 1440


def lived(courses: list[str | list[bool]], known: list[bool] | None = None) -> tuple[list[list[bool]], dict[str, np.ndarray]]:
    """What fires at each minute, row by row; a course is what is there: `#` or true."""
    rows = [[one == "#" if isinstance(one, str) else one for one in course] for course in courses]
    state, out = initial(len(rows)), []
    for i, column in enumerate(zip(*rows, strict=True)):
        there = np.full(len(rows), True if known is None else known[i])
        at = np.full(len(rows), 1_700_000_000 // 3600 * 3600 + MINUTE_S * i, np.int64)
        out.append(firing(state, step(state, np.array(column), there, at, MINUTE_S)).tolist())
    return [list(row) for row in zip(*out, strict=True)], state


def since(fires: list[bool], begin: int) -> int | None:
    """Minutes from `begin` to the first that fires."""
    return next((i - begin for i, one in enumerate(fires) if i >= begin and one), None)


def test_a_series_that_never_was_silent_is_missed_after_some_steps() -> None:
    (fires,), _ = lived([[True] * (3 * DAY) + [False] * 30])
    assert not any(fires[: 3 * DAY])
    assert since(fires, 3 * DAY) == RATIO * LEAST_STEPS, "three times three steps, and a little for youth"


def test_silences_as_they_always_were_are_none_and_longer_ones_are() -> None:
    batch = ([True] * 20 + [False] * 10) * (2 * 3 * 24)
    (fires,), _ = lived([batch + [False] * 120])
    assert not any(fires[: len(batch)])
    found = since(fires, len(batch))
    assert found is not None
    assert 20 < found < 60


def test_a_silence_does_not_get_usual_by_lasting_until_the_series_is_taken_to_be_gone() -> None:
    (fires,), state = lived([[True] * (2 * DAY) + [False] * (8 * DAY)])
    begin = 2 * DAY
    assert all(fires[begin + 10 : begin + 7 * DAY - 1])
    assert not any(fires[begin + 7 * DAY + 1 :])
    assert scale(state, MINUTE_S)[0] < 1.1 * LEAST_STEPS * MINUTE_S


def test_a_source_that_cannot_say_stands_still() -> None:
    away = [True] * DAY + [False] * 200
    (fires,), state = lived([away], known=[True] * DAY + [False] * 200)
    assert not any(fires)
    assert state["silent_s"][0] == 0.0


def test_what_is_hardly_known_is_given_more_time() -> None:
    young, old = [True] * (2 * HOUR) + [False] * 60, [True] * (2 * HOUR + 3 * DAY) + [False] * 60
    (first,), _ = lived([young])
    (second,), _ = lived([old])
    early, late = since(second, 2 * HOUR + 3 * DAY), since(first, 2 * HOUR)
    assert early is not None
    assert late is not None
    assert early < late
    (never,), _ = lived([[True] * 20 + [False] * 600])
    assert not any(never), "an hour of it was never seen"


def test_rows_do_not_influence_each_other() -> None:
    a, b = [True] * DAY + [False] * 60, ([True] * 20 + [False] * 10) * 50
    together, _ = lived([a, b])
    assert together == [lived([a])[0][0], lived([b])[0][0]]
