"""Files with something else in one place or two: whatever it is, only mistakes may come of it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(),
        st.text(max_size=8),
        st.sampled_from(["${{", "${{ steps }}", "${{ target. }}", "5m", "$target", "exec", "compute", "\ud800", "(", "=~"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[str | int, ...]]:
    """The place of every part of a JSON-like value but the whole."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in pairs for place in [(key,), *((key, *below) for below in places(one))]]


@st.composite
def mangled(draw: st.DrawFn, good: Any) -> Any:
    """`good` with one to three of its parts replaced by anything, or taken away."""
    out = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(places(out)))
        parent = out
        for part in above:
            parent = parent[part]
        if draw(st.booleans()):
            parent[last] = draw(JSON)
        else:
            del parent[last]
        if not places(out):
            break
    return out
