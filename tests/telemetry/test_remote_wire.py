"""The bytes of a request, and labels out of an answer."""

from __future__ import annotations

import pytest

from aiops.telemetry.remote_wire import LITERAL, labels_of, read_request, snappy, varint


def unsnappy(block: bytes) -> bytes:
    """A block of literals, read as the format says."""
    size, shift, at = 0, 0, 0
    while True:
        size, shift, at = size | (block[at] & 0x7F) << shift, shift + 7, at + 1
        if block[at - 1] < 0x80:
            break
    out = b""
    while at < len(block):
        assert block[at] == 61 << 2
        length = int.from_bytes(block[at + 1 : at + 3], "little") + 1
        out, at = out + block[at + 3 : at + 3 + length], at + 3 + length
    assert len(out) == size
    return out


@pytest.mark.parametrize("size", [0, 1, 60, LITERAL - 1, LITERAL, LITERAL + 1, 3 * LITERAL])
def test_snappy_literals_hold_what_was_put_in(size: int) -> None:
    content = bytes(i % 251 for i in range(size))
    assert unsnappy(snappy(content)) == content


NUMBERS = [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ff" * 9 + "01")]


@pytest.mark.parametrize(("number", "bytes_"), NUMBERS)
def test_numbers(number: int, bytes_: str) -> None:
    assert varint(number).hex() == bytes_


def test_a_request_asks_for_one_range_in_chunks() -> None:
    asked = unsnappy(read_request([("__name__", "=", "up"), ("job", "!~", "a|b")], 1000, 2000))
    first, second = "0800" "12085f5f6e616d655f5f" "1a027570", "0803" "12036a6f62" "1a03617c62"
    assert asked.hex() == "0a26" "08e807" "10d00f" "1a10" + first + "1a0c" + second + "1001"


def test_labels_come_out_and_damage_is_an_error() -> None:
    good = bytes.fromhex("0a060a0161120162" "0a060a0163120164")
    assert labels_of(good) == {"a": "b", "c": "d"}
    for cut in range(1, len(good)):
        if cut != 8:
            with pytest.raises((ValueError, IndexError)):
                labels_of(good[:cut])


def test_labels_are_read_to_one_more_than_the_most_and_each_once() -> None:
    many = b"".join(bytes([0x0A, 6, 0x0A, 1, i, 0x12, 1, 98]) for i in range(60, 90))
    assert [len(labels_of(many, most)) for most in (5, 29, 30)] == [6, 30, 30]
    with pytest.raises(ValueError, match="twice"):
        labels_of(many + many[:8])


@pytest.mark.parametrize("length", ["80" * 10 + "01", "ff" * 9 + "01", "7f"])
def test_a_length_that_is_none_is_an_error(length: str) -> None:
    with pytest.raises(ValueError, match=r"long|64 bits"):
        labels_of(bytes.fromhex("0a" + length + "0a016112" + "0162"))
