"""YAML that people write: what is refused, and where a thing stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from aiops.config.fields import Found, Strict
from aiops.config.yaml_file import Document, load, validate, yaml_files
from aiops.config.yaml_strict import MAX_BYTES, MAX_NODES
from aiops.core.errors import FileError, Mistake


def doc(tmp_path: Path, text: str | bytes, name: str = "a.yaml") -> Document:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def why(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(FileError) as e:
        doc(tmp_path, text)
    return "\n".join(f"{m.line}:{m.column} {m.message}" for m in e.value.mistakes)


@pytest.mark.parametrize("text", ["a: on", "a: no", "a: 1:30", "a: 2026-01-01", "a: 0o", "a: =", "a: <<", "a: y"])
def test_words_and_dates_of_yaml_1_1_stay_text(tmp_path: Path, text: str) -> None:
    assert doc(tmp_path, text).data == {"a": text.removeprefix("a: ")}


def test_on_is_a_key_like_any_other(tmp_path: Path) -> None:
    assert doc(tmp_path, "on: 1\nno: 2\n").data == {"on": 1, "no": 2}


@pytest.mark.parametrize(("text", "value"), [("0o17", 15), ("017", 17), ("1e3", 1000.0), ("true", True), ("~", None)])
def test_the_core_schema_of_yaml_1_2_holds(tmp_path: Path, text: str, value: object) -> None:
    assert doc(tmp_path, f"a: {text}\n").data == {"a": value}


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    loaded = doc(tmp_path, b"\xef\xbb\xbfname: x\nb: 1\n")
    assert loaded.data == {"name": "x", "b": 1}
    assert loaded.where(("b",)) == (2, 1)


def test_lines_that_end_with_carriage_returns_count_once(tmp_path: Path) -> None:
    loaded = doc(tmp_path, b"a: 1\r\nb:\r\n  - x\r\n  - y\r\n")
    assert loaded.data == {"a": 1, "b": ["x", "y"]}
    assert loaded.where(("b", 1)) == (4, 5)


def test_an_empty_file_has_no_data(tmp_path: Path) -> None:
    assert doc(tmp_path, "# nothing\n").data is None


def test_too_many_bytes(tmp_path: Path) -> None:
    assert why(tmp_path, "a: " + "x" * MAX_BYTES) == f"1:1 has more than {MAX_BYTES} bytes; split it"


@pytest.mark.row("X5")
def test_too_many_values(tmp_path: Path) -> None:
    assert f"more than {MAX_NODES} values" in why(tmp_path, "a: [" + "1," * MAX_NODES + "1]")


def test_deep_blocks_are_refused_as_deep_brackets_are(tmp_path: Path) -> None:
    text = "".join(" " * i + "a:\n" for i in range(80))
    assert "nested more than 50 deep" in why(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    for path in (tmp_path / "fifo.yaml", Path("/dev/zero"), tmp_path):
        with pytest.raises(FileError, match="no regular file"):
            load(path)


@pytest.mark.row("X7")
def test_a_link_out_of_its_folder_is_refused_and_one_inside_is_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.yaml").write_text("a: 1\n")
    (tmp_path / "in" / "real.yaml").write_text("a: 2\n")
    (tmp_path / "in" / "bad.yaml").symlink_to(tmp_path / "out.yaml")
    (tmp_path / "in" / "good.yaml").symlink_to("real.yaml")
    with pytest.raises(FileError, match="leads out of its folder"):
        load(tmp_path / "in" / "bad.yaml")
    assert load(tmp_path / "in" / "good.yaml").data == {"a": 2}


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user reads every file")
    with pytest.raises(FileError, match="Permission denied"):
        load(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?, \n\t\\\x00é", max_size=60)))
@pytest.mark.row("X6")
def test_whatever_stands_in_a_file_it_is_read_or_refused_with_its_place(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    mistakes: tuple[Mistake, ...]
    try:
        mistakes = load(path).mistakes
    except FileError as e:
        mistakes = e.mistakes
    lines = path.read_bytes().decode("utf-8", "replace").count("\n") + 2
    assert all(1 <= m.line <= lines and m.column >= 1 and m.message for m in mistakes)


class Inner(Strict):
    size: int = Field(0, ge=0, description="how large")
    other: str = ""

    @classmethod
    def mistakes(cls, raw: object) -> Found:
        if isinstance(raw, dict) and raw.get("other") == "bad":
            yield ("other",), "must not be bad"


class Outer(Strict):
    name: str = Field(description="its name")
    parts: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)

    @classmethod
    def mistakes(cls, raw: object) -> Found:
        if isinstance(raw, dict) and raw.get("name") == "no":
            yield ("parts", 0), "goes with another name"


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(FileError) as e:
        validate(doc(tmp_path, text), Outer)
    return [f"{m.line}:{m.column} {m.field}: {m.message}" for m in e.value.mistakes]


def test_errors_of_fields_and_of_whole_parts_come_together(tmp_path: Path) -> None:
    text = 'name: "no"\nparts:\n  - {size: -1, other: bad}\n  - size: x\n    color: red\nnamed:\n  a[b]: {other: bad}\n'
    assert mistakes(tmp_path, text) == [
        "3:5 parts[0]: goes with another name",
        "3:6 parts[0].size: must be at least 0, not -1",
        "3:16 parts[0].other: must not be bad",
        "4:5 parts[1].size: must be a whole number, not 'x'",
        "5:5 parts[1].color: unknown key; known: other, size",
        "7:10 named.a[b].other: must not be bad",
    ]


def test_a_duplicate_key_hides_nothing_else(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "name: a\nname: b\nparts: 5\n") == [
        '2:1 name: duplicate key "name", first on line 1; keep one of them',
        "3:1 parts: must be a list: [one, two], or one item a line after `- `",
    ]


def test_a_key_without_value_is_told_even_where_none_would_do(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "name: a\nparts:\n  - size:\n") == [
        "3:5 parts[0].size: is empty; write a value, or remove the key (how large)"
    ]


def test_the_first_of_two_equal_keys_is_not_taken_silently(tmp_path: Path) -> None:
    loaded = doc(tmp_path, "name: a\nname: b\n")
    with pytest.raises(FileError):
        validate(loaded, Outer)


def test_a_place_that_is_not_there_is_that_of_the_nearest_part_above(tmp_path: Path) -> None:
    loaded = doc(tmp_path, "a:\n  b: {c: 1}\n")
    assert loaded.where(("a", "b", "missing", 3)) == (2, 3)
    assert loaded.where(()) == (1, 1)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("q: one two\n", 1, 8),
        ('q: "one two"\n', 1, 9),
        ("q: >-\n  one\n  two\n", 3, 3),
        ("q: |\n  one\n  two\n", 3, 3),
        ("q: one\n  two\n", 2, 3),
    ],
)
def test_a_place_inside_a_text(tmp_path: Path, text: str, line: int, column: int) -> None:
    assert doc(tmp_path, text).inside(("q",), 4) == (line, column)


def test_folders_give_their_yaml_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", ".c.yaml", "d.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "e.yaml").write_text("")
    assert [p.name for p in yaml_files([tmp_path])] == ["a.yml", "b.yaml"]
