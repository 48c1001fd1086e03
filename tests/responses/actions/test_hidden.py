"""Secrets are masked in every usual writing."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from aiops.responses.actions.hidden import MARK, Hidden

SECRETS = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=8, max_size=40)


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_no_form_of_a_secret_stays(secret: str, before: bytes, after: bytes) -> None:
    raw, hide = secret.encode(), Hidden([secret])
    assert raw not in hide(before + raw + after).replace(MARK, b"")
    for form in (raw.hex(), raw.hex().upper(), quote(raw, safe=""), quote_plus(raw), json.dumps(secret)[1:-1]):
        assert MARK in hide(b"x" + form.encode() + b"y")


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_around_a_secret_does_not_give_it_back(secret: str, before: bytes, after: bytes) -> None:
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert MARK in Hidden([secret])(encode(before + raw + after))


def test_each_line_of_a_key_is_secret() -> None:
    key = "-----BEGIN KEY-----\nMIIEabcdefgh\nijklmnopqrst\n-----END KEY-----\n"
    said = Hidden([key])(b"line 2: ijklmnopqrst").decode()
    assert said == "line 2: [secret]"


def test_what_is_too_short_to_be_told_from_text_is_left() -> None:
    assert Hidden(["abc", ""])(b"abc abc") == b"abc abc"


def test_text_stays_text() -> None:
    assert Hidden(["hunter22"]).text("é hunter22 𝄞") == "é [secret] 𝄞"
    assert Hidden([]).text("\ud800") == "\ud800"
