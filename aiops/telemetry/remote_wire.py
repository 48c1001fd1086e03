"""The bytes of a remote-read request: a protobuf message of few fields, in snappy's block format without compression.

ReadRequest: queries = 1, accepted_response_types = 2 (1: STREAMED_XOR_CHUNKS). Query: start_timestamp_ms = 1,
end_timestamp_ms = 2, matchers = 3. LabelMatcher: type = 1, name = 2, value = 3.

Source: Prometheus, prompb/remote.proto and prompb/types.proto; snappy, format_description.txt (literals).
"""

from __future__ import annotations

from collections.abc import Sequence

TYPES = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
HEADERS = {
    "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Read-Version": "0.1.0",
}  # fmt: skip
LITERAL = 1 << 16
Match = tuple[str, str, str]


def read_request(matchers: Sequence[Match], start_ms: int, end_ms: int) -> bytes:
    """A request for the chunks of all series that fulfil (name, operator, value) matchers, from start to end, both included.

    >>> read_request([("a", "=", "b")], 0, 1)[:2].hex()
    '12f4'
    """
    asked = b"".join(_field(3, _matcher(*one)) for one in matchers)
    return snappy(_field(1, _number(1, start_ms) + _number(2, end_ms) + asked) + _number(2, 1))


def _matcher(name: str, op: str, value: str) -> bytes:
    return _number(1, TYPES[op]) + _field(2, name.encode()) + _field(3, value.encode())


def snappy(content: bytes) -> bytes:
    """`content` as a snappy block of literals."""
    out = [varint(len(content))]
    for at in range(0, len(content), LITERAL):
        part = content[at : at + LITERAL]
        out.append(bytes([61 << 2]) + (len(part) - 1).to_bytes(2, "little") + part)
    return b"".join(out)


def varint(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def labels_of(content: bytes, most: int = 1 << 16) -> dict[str, str]:
    """The labels of a series: Label messages (name = 1, value = 2), each in field 1; of more than `most` one more than that.

    Raises ValueError and IndexError.

    >>> labels_of(bytes.fromhex("0a060a0161120162"))
    {'a': 'b'}
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(content) and len(found) <= most:
        message, at = _message(content, at, 1)
        parts, inside = {1: b"", 2: b""}, 0
        while inside < len(message):
            number = message[inside] >> 3
            parts[number], inside = _message(message, inside, number)
        name = parts[1].decode()
        if name in found:
            raise ValueError("a label that comes twice")
        found[name] = parts[2].decode()
    return found


def _message(content: bytes, at: int, number: int) -> tuple[bytes, int]:
    """(what field `number` at `at` holds, the place behind it)."""
    if content[at] != number << 3 | 2:
        raise ValueError("another field than was expected")
    size, shift, at = 0, 0, at + 1
    while True:
        byte = content[at]
        size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            break
        if shift > 63:
            raise ValueError("a length of more than 64 bits")
    if size > len(content) - at:
        raise ValueError("a field is longer than what holds it")
    return content[at : at + size], at + size


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return bytes([number << 3]) + varint(value & (1 << 64) - 1)
