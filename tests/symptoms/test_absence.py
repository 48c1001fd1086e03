"""How unusual a silence is: judged against the silences a series had before, and never usual by lasting."""

from __future__ import annotations

import numpy as np

from aiops.symptoms.absence import LEAST_STEPS, RATIO, firing, hear, initial, routine, scale, score, seen

MINUTE_S, HOUR, DAY = 60, 60, 1440


BEGIN_S = 1_700_000_000 // 3600 * 3600
State = dict[str, np.ndarray]


def there(courses: list[str | list[bool]]) -> np.ndarray:
    """(n, t) what is there; a course is `#` or true where it is."""
    return np.array([[one == "#" if isinstance(one, str) else one for one in course] for course in courses])


def heard(courses: list[str | list[bool]], blocks: list[int] | None = None, state: State | None = None, begin: int = 0) -> State:
    """The state after blocks of so many minutes each, then the rest at once."""
    present = there(courses)
    state, edges = state or initial(len(present)), np.cumsum([0, *(blocks or [])])
    for first, last in zip(edges, [*edges[1:], present.shape[1]], strict=True):
        at = np.broadcast_to(BEGIN_S + MINUTE_S * (begin + np.arange(first, last)), present[:, first:last].shape)
        hear(state, present[:, first:last], np.ones(at.shape, bool), at, MINUTE_S)
    return state


def lived(courses: list[str | list[bool]], known: list[bool] | None = None) -> tuple[list[list[bool]], State]:
    """What fires at each minute, row by row."""
    present = there(courses)
    state, out = initial(len(present)), []
    for i, column in enumerate(present.T):
        sure = np.full((len(present), 1), True if known is None else known[i])
        hear(state, column[:, None], sure, np.full((len(present), 1), BEGIN_S + MINUTE_S * i), MINUTE_S)
        out.append(firing(state, score(state, MINUTE_S)).tolist())
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


def test_a_history_that_is_read_at_once_teaches_what_watching_it_would_have() -> None:
    random = np.random.default_rng(3)
    courses = [
        [True] * (2 * DAY), ([True] * 20 + [False] * 10) * 96, (random.random(2 * DAY) < 0.7).tolist(),
        (random.random(2 * DAY) < 0.01).tolist(), [False] * 900 + [True] * (2 * DAY - 900), [False] * (2 * DAY),
        [i // 30 % 24 == 3 for i in range(2 * DAY)],
    ]
    _, watched = lived(courses)
    for blocks in ([], [1], [2 * DAY - 1], [700, 1, 59, 61, 500]):
        found = heard(courses, blocks)
        assert all(found[name].tolist() == watched[name].tolist() for name in set(watched) - {"gone"})
    turned, found = heard(courses[::-1]), heard(courses)
    assert all(turned[name][::-1].tolist() == found[name].tolist() for name in found)


def test_rows_have_hours_of_their_own_clock() -> None:
    present, at = there([[True] * 100, [True] * 100]), np.stack([BEGIN_S + MINUTE_S * np.arange(100)] * 2)
    at[1] += 1800
    state = initial(2)
    hear(state, present, np.ones((2, 100), bool), at, MINUTE_S)
    assert state["hours"].tolist() == [1.0, 2.0]


def test_what_had_fallen_silent_before_it_was_first_looked_at_is_gone_until_it_reports_again() -> None:
    state = heard([[True] * DAY + [False] * 60, [True] * (DAY + 54) + [False] * 6, [True] * (DAY + 60)])
    assert state["gone"].tolist() == [True, False, False]
    heard([[False] * 60] * 3, [1] * 59, state, DAY + 60)
    assert firing(state, score(state, MINUTE_S)).tolist() == [False, True, True]
    heard([[True] * 60] * 3, [1] * 59, state, DAY + 120)
    heard([[False] * 60] * 3, [1] * 59, state, DAY + 180)
    assert firing(state, score(state, MINUTE_S)).tolist() == [True, True, True]


def ends(lives: list[tuple[int, int]], asked: list[int], kind: list[int] | None = None, per_week: float = 1.0) -> list[bool]:
    """Of series that lived from one hour to another of a day and a half, then of those `asked`: whether their end is routine."""
    courses = [[first * HOUR <= i < last * HOUR for i in range(36 * HOUR)] for first, last in lives]
    state, n = heard(courses), len(lives)
    kinds = np.array(kind if kind is not None else [0] * n)
    return routine(state, np.array(asked), kinds, np.ones(n), MINUTE_S, per_week).tolist()


def test_what_ends_by_itself_again_and_again_is_no_news() -> None:
    pods = [(i, i + 3) for i in range(33)]
    assert ends(pods, [30, 32]) == [True, True]
    assert ends(pods, [32], per_week=1000.0) == [False], "as often as is allowed"


def test_an_end_is_news_where_nothing_ends_or_all_ended_at_once() -> None:
    assert ends([(0, 36)] * 10 + [(0, 35)], [10]) == [False]
    assert ends([(0, 20)] * 9 + [(0, 35)], [9]) == [False], "one failure struck nine"
    assert ends([(0, 36)] * 9 + [(0, 10), (0, 35)], [10]) == [False], "one of ten, once"


def test_what_lives_long_is_not_judged_by_what_is_short_nor_by_other_kinds() -> None:
    pods, nodes = [(i, i + 3) for i in range(33)], [(0, 35), (0, 36), (0, 36)]
    assert ends([*pods, *nodes], [32, 33]) == [True, False]
    assert ends([*pods, (32, 35)], [33], [0] * 33 + [1]) == [False]


def test_what_was_seen_of_silences_knows_no_smallest_one() -> None:
    never, once, lately = "#" * 5 * HOUR, "#" * 90 + "." + "#" * (5 * HOUR - 91), "#" * (5 * HOUR - 9) + "." + "#" * 8
    often = ("#" * 20 + "." * 30 + "#" * 10) * 5
    state = heard([never, once, lately, often])
    found, least = seen(state), scale(state, MINUTE_S)
    assert found[0] == 0.0
    assert (found[1:3] > 0.0).all()
    assert (found[1:3] < least[1:3]).all()
    assert found[3] == least[3]
