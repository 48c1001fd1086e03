"""The kernel that reads answers: what it reads, what it refuses, and that it stays inside the body."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.telemetry.kernels import loaded

ROOT = Path(__file__).parents[2]
KEY = np.uint64(3), np.uint64(5)


@pytest.fixture(scope="module")
def kernels() -> Any:
    return loaded()


def read(
    kernels: Any, series: bytes, many: bool = True, n: int = 4, start: int = 60, count: int = 4, k: int = 8
) -> Any:
    """(series read or -1, values, samples, texts left to float) of what stands in a result's brackets."""
    spans, digests = np.zeros((n, 2), np.int64), np.zeros((n, 2), np.uint64)
    values, later = np.full((n, count), np.nan), np.zeros((k, 4), np.int64)
    body = np.frombuffer(series, np.uint8)
    end, rows, samples, found = kernels.read(
        body, 0, many, start * 1000, 60_000, 100, *KEY, spans, digests, values.view(np.uint64), later
    )
    if end < 0:
        return -1, values, 0, []
    assert series[end : end + 1] == b"]"
    return rows, values[:rows], samples, [series[a:b] for _, _, a, b in later[:found].tolist()]


ONE = b'{"metric":{"__name__":"x","i":"a"},"values":[[60,"1"],[120.000,"-2.5e1"],[180,"NaN"],[240,"0.1"]]}]'


def test_samples_stand_on_the_grid(kernels: Any) -> None:
    rows, values, samples, later = read(kernels, ONE)
    assert (rows, samples, later) == (1, 4, [])
    np.testing.assert_array_equal(values, [[1, -25, np.nan, 0.1]])


def test_what_is_off_the_grid_is_counted_and_left_out(kernels: Any) -> None:
    rows, values, samples, _ = read(kernels, b'{"metric":{},"values":[[0,"9"],[60.001,"1"],[120,"2"],[300,"3"]]}]')
    assert (rows, samples) == (1, 4)
    np.testing.assert_array_equal(values, [[np.nan, 2, np.nan, np.nan]])


def test_an_instant_s_series_have_one_sample_each(kernels: Any) -> None:
    text = b'{"metric":{"i":"a"},"value":[60,"1"]},{"metric":{"i":"b"},"value":[60,"+Inf"]}]'
    rows, values, samples, _ = read(kernels, text, many=False, count=1)
    assert (rows, samples) == (2, 2)
    np.testing.assert_array_equal(values, [[1], [np.nan]])


@pytest.mark.parametrize("text", ["0.12345678901234567890123", "1e-310", "123456789012345678901234567890", "1e400"])
def test_numbers_it_does_not_round_itself_are_left_to_float(kernels: Any, text: str) -> None:
    rows, _, _, later = read(kernels, b'{"metric":{},"values":[[60,"%b"]]}]' % text.encode())
    assert (rows, later) == (1, [text.encode()])


REFUSED = [
    b"", b"]", b"{", b'{"metric":{}}]', b'{"metric": {},"values":[[60,"1"]]}]', b'{"metric":{},"values":[]}]',
    b'{"metric":{},"value":[60,"1"]}]', b'{"values":[[60,"1"]],"metric":{}}]', b'{"metric":{},"values":[[60,"1"]],"x":1}]',
    b'{"metric":{"a":1},"values":[[60,"1"]]}]', b'{"metric":{"a":{}},"values":[[60,"1"]]}]',
    b'{"metric":{"a"},"values":[[60,"1"]]}]',
    b'{"metric":{"a":"b",},"values":[[60,"1"]]}]', b'{"metric":{},"values":[[60,"1"],]}]', b'{"metric":{},"values":[[060,"1"]]}]',
    b'{"metric":{},"values":[[6e1,"1"]]}]', b'{"metric":{},"values":[[-60,"1"]]}]', b'{"metric":{},"values":[[60.,"1"]]}]',
    b'{"metric":{},"values":[[60.0000,"1"]]}]', b'{"metric":{},"values":[[1234567890123,"1"]]}]',
    b'{"metric":{},"values":[["60","1"]]}]',
    b'{"metric":{},"values":[[60,1]]}]', b'{"metric":{},"values":[[60,""]]}]', b'{"metric":{},"values":[[60,"."]]}]',
    b'{"metric":{},"values":[[60,".5"]]}]', b'{"metric":{},"values":[[60,"1e"]]}]', b'{"metric":{},"values":[[60,"1e999999"]]}]',
    b'{"metric":{},"values":[[60,"0x1"]]}]', b'{"metric":{},"values":[[60,"1_0"]]}]',
    b'{"metric":{},"values":[[60,"Infinity"]]}]',
    b'{"metric":{},"values":[[60,"nan"]]}]', b'{"metric":{},"values":[[60,"1 "]]}]', b'{"metric":{},"values":[[60,"1","2"]]}]',
    b'{"metric":{},"values":[[60,"1"],[60,"2"]]}]', b'{"metric":{},"values":[[120,"1"],[60,"2"]]}]',
    b'{"metric":{},"values":[[60,"1"]]},]', b'{"metric":{},"values":[[60,"1"]]}}', b'{"metric":{},"values":[[60,"1"]]}',
    b'{"metric":{},"histograms":[[60,{}]]}]', b'{"metric":{%b},"values":[[60,"1"]]}]' % b",".join(b'"a":"b"' for _ in range(80)),
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_whatever_else_stands_there_is_refused(kernels: Any, text: bytes) -> None:
    assert read(kernels, text)[0] == -1


def test_every_answer_that_ends_early_is_refused(kernels: Any) -> None:
    assert [cut for cut in range(len(ONE)) if read(kernels, ONE[:cut])[0] != -1] == []


def test_more_series_samples_or_texts_than_there_is_room_for_are_refused(kernels: Any) -> None:
    many = b",".join(b'{"metric":{"i":"%d"},"values":[[60,"1e400"]]}' % i for i in range(4)) + b"]"
    assert read(kernels, many, n=4, k=4)[0] == 4
    assert read(kernels, many, n=3, k=4)[0] == -1
    assert read(kernels, many, n=4, k=3)[0] == -1
    samples = b",".join(b'[%d,"1"]' % t for t in range(101))
    assert read(kernels, b'{"metric":{},"values":[%b]}]' % samples)[0] == -1


def test_the_digest_of_a_label_set_depends_on_every_bit_on_its_length_and_on_the_key(kernels: Any) -> None:
    def of(text: bytes, *key: int) -> tuple[int, int]:
        return kernels.digest(
            np.frombuffer(b"{" + text + b"}", np.uint8), 1, len(text) + 1, *map(np.uint64, key or (3, 5))
        )

    text = b'"__name__":"x","instance":"host:9100"'
    variants = [
        bytes(c ^ (1 << bit) if i == at else c for i, c in enumerate(text))
        for at in range(len(text))
        for bit in range(8)
    ]
    variants += [text[:cut] for cut in range(len(text))] + [text + b"\0", text + b"\0\0"]
    found = {of(one) for one in variants} | {of(text), of(text, 4, 5), of(text, 3, 6)}
    assert len(found) == len(variants) + 3
    assert len({a for a, _ in found} | {b for _, b in found}) == 2 * len(found)
    assert of(text) == of(text)


CHECKED = """
import numpy as np
from tests.telemetry.kernels import loaded
from tests.telemetry.test_fast_json import ONE, REFUSED, read
kernels = loaded()
try:
    # compiled with checks of every place, and this one is outside
    kernels._after(np.frombuffer(b"ab", np.uint8), -9, np.frombuffer(b"ab", np.uint8))
    print("unchecked")
except IndexError:
    print("checked")
rng = np.random.default_rng(11)
whole = (ONE[:-1] + b",") * 2 + ONE
whole = whole.replace(b'"1"', b'"1234567890.12345678"').replace(b'"a"', b'"a\\\\"b"')
read_ = refused = 0
for number in range(60_000):
    body = bytearray(whole)
    for _ in range(rng.integers(1, 4)):
        at, to = sorted(rng.integers(0, len(body) + 1, 2).tolist())
        what = rng.integers(0, 4)
        if what == 0:
            del body[at : min(to, at + 20)]
        elif what == 1:
            body[at:at] = whole[to : to + 30]
        elif what == 2 and at < len(body):
            body[at] = rng.choice(np.frombuffer(b'{}[]",:0123456789.eE+-\\\\INa ', np.uint8))
        else:
            body = body[:to]
    outcome = read(kernels, bytes(body), many=bool(number % 8), n=3)[0]
    read_, refused = read_ + (outcome >= 0), refused + (outcome < 0)
print(read_ > 1000, refused > 1000)
"""


def test_no_byte_outside_the_body_is_looked_at() -> None:
    """Mutated and shortened bodies through kernels that were compiled to check every place they read or write."""
    done = subprocess.run(
        [sys.executable, "-c", CHECKED], cwd=ROOT, env=os.environ | {"NUMBA_BOUNDSCHECK": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["checked", "True", "True"], done.stderr[-2000:]
