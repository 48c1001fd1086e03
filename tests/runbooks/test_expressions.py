"""CEL over data: whole numbers stay whole, numbers mix, texts stay texts, what cannot be evaluated says why."""

from __future__ import annotations

import pytest

from aiops.runbooks.expressions import (
    MAX_CEL,
    NotEvaluated,
    cel_mistakes,
    evaluate_cel,
    holds_true,
    look_up_mistakes,
    path_mistake,
    query_mistakes,
)

DATA = {
    "steps": {"a": {"json": {"n": 7, "f": 2.5, "list": [1, 2, 3], "name": 'a"1'}}},
    "symptom": {"labels": {"x": "1 + 1"}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps.a.json.n + 2 > 8", True),
        ("steps.a.json.n + 2", 9),
        ("steps.a.json.n / 2", 3),
        ("steps.a.json.n % 2", 1),
        ("steps.a.json.n * 1.5", 10.5),
        ("steps.a.json.f / 2", 1.25),
        ("steps.a.json.n >= 6.5", True),
        ("size(steps.a.json.list) - 1", 2),
        ("steps.a.json.list.map(i, i + 1)[2]", 4),
        ("9223372036854775807 + steps.a.json.n > 1", True),
        ("steps.a.json.f * 2", 5),
        ("steps.a.json.list[1]", 2),
        ("size(steps.a.json.list) > 2", True),
        (r'steps.a.json.name == "a\"1"', True),
        ("steps.a.json.name == 'a\"1'", True),
        ("symptom.labels.x == '1 + 1'", True),
        ("steps.a.json.list.exists(i, i > 2)", True),
    ],
)
def test_values(text: str, value: object) -> None:
    got = evaluate_cel(text, DATA)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text", ["steps.b.json.n > 1", "steps.a.json.name > 1", "nothing > 1", "steps.a.json.list[9]", "1 / 0 > 1.5 % 1.0"]
)
def test_what_has_no_value_says_why(text: str) -> None:
    with pytest.raises(NotEvaluated, match=r".+: .+"):
        evaluate_cel(text, DATA)


@pytest.mark.parametrize("text", ["steps.a.json.n", "steps.a.json.name", "'false'", "steps.a.json.list", "steps.b.json.n > 1"])
def test_a_condition_is_true_or_false_and_nothing_that_looks_so(text: str) -> None:
    assert holds_true("steps.a.json.n == 7", DATA) is True
    with pytest.raises(NotEvaluated):
        holds_true(text, DATA)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a b", "at character 3"),
        ("steps.a.x > 1 && other", "unknown name other"),
        ("symptom.lable.x == 'y'", "is no part of a symptom"),
        ("target.host == 'y'", "is not in target_by"),
        ("${{ steps.a.x }} > 1", "without ${{ }}"),
        ("1 + " * MAX_CEL + "1", f"more than {MAX_CEL} characters"),
        ("(" * 900 + "1" + ")" * 900, "is no CEL"),
        ("symptom.labels.x > 5", "symptom.labels.x, which is text, is compared with 5, which is a number"),
    ],
)
def test_mistakes_are_found_when_the_file_is_loaded(text: str, says: str) -> None:
    (found,) = cel_mistakes(text, ("symptom", "steps", "target"), ["a"], ["service"])
    assert says in found


def test_names_inside_quotes_are_no_names() -> None:
    assert list(cel_mistakes("symptom.labels.x == 'steps.none.y'", ("symptom", "steps"), [], [])) == []


@pytest.mark.parametrize("path", ["symptom.labels.a", "symptom.signal", "steps.a.json.n", "target.service"])
def test_a_path_that_leads_somewhere(path: str) -> None:
    assert path_mistake(path, ["a"], ["service"]) == ""


@pytest.mark.parametrize(
    "path",
    ["symptom", "symptom.signal.x", "steps.a", "steps.b.c", "target", "target.x", "secrets.x", "os.x", "a b", ""],
)
def test_a_path_that_leads_nowhere(path: str) -> None:
    assert path_mistake(path, ["a"], ["service"]) != ""


@pytest.mark.parametrize("query", ["up{$target}", 'up{a="b", $target }', "up{$target,a=~'$'}", "up"])
def test_a_target_stands_where_matchers_stand(query: str) -> None:
    assert list(query_mistakes(query, ["service"])) == []


@pytest.mark.parametrize(
    "query", ['up{a="$target"}', "up{a='$target'}", "up * $target", "up{$targets}", "up{a=$target}", 'up{a="${{ x }}"}']
)
def test_a_target_anywhere_else_is_a_mistake(query: str) -> None:
    assert list(query_mistakes(query, ["service"])) != []


def test_a_target_of_nothing_is_a_mistake() -> None:
    (found,) = query_mistakes("up{$target}", [])
    assert "target_by" in found


@pytest.mark.parametrize(
    "text",
    ["{{ symptom.labels.q }}", "x-{{target.q}}", "{{ $labels.a }}", "{{- labels.a }}", "${symptom.labels.a}", "${target.a}"],
)
def test_a_look_up_in_the_way_of_another_template_is_told(text: str) -> None:
    (why,) = look_up_mistakes(text, [], ["a"])
    assert "would be left as it stands, for it is no look-up; write it as ${{ symptom.labels.NAME }}" in why


@pytest.mark.parametrize(
    "text", ["{{.State.Status}}", "{{ json .Config }}", "${HOME}", "{{ .Labels.a }}", "${{ target.a }}", "${targets}", "{target}"]
)
def test_what_belongs_to_a_program_is_left_alone(text: str) -> None:
    assert list(look_up_mistakes(text, [], ["a"])) == []
