"""Label values as an attacker would choose them."""

from __future__ import annotations

from hypothesis import strategies as st

NAMED = (
    "/var;$(reboot)",
    "`id`",
    "--config=/etc/passwd",
    "-oProxyCommand=x",
    "${{ secrets.x }}",
    "${{ symptom.signal }}",
    "{{ 1 + 1 }}",
    'x"} or vector(1) or up{a="',
    "a\nb",
    "a\r\nX-Evil: 1",
    "\x00",
    "\u202egpj.exe",
    "..",
    "../../etc",
    "a/b?c#d",
    "%2e%2e",
    "'; DROP TABLE x;--",
    "<script>alert(1)</script>",
    "$target",
    "\\",
    '\\"',
    " ",
    "",
    "a b",
    "*",
    "~",
    "{$target}",
    "=x",
    "é𝄞",
    "\x1b[31m",
    "A" * 200_000,
)
VALUES = st.one_of(
    st.sampled_from(NAMED), st.text(max_size=80), st.text(alphabet="${}\\\"'`;|&<>-. \n\t/%=#?", max_size=40)
)
