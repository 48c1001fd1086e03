"""Label names that Alertmanager takes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aiops.notify.names import label_name


@given(st.text())
def test_whatever_the_name_it_becomes_one_that_is_allowed(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label_name(name), re.ASCII)


@given(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(str.isascii))
def test_a_name_that_is_allowed_stays(name: str) -> None:
    assert label_name(name) == name
