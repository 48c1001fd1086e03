"""Whether an answer is what the published schema says of its route."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator


def faults(schema: dict[str, Any], method: str, path: str, answer: Any) -> list[str]:
    """What differs between an answer and what the route at this path of the schema promises."""
    said = schema["paths"][path][method]["responses"].get(str(answer.status_code))
    if said is None:
        return [f"{answer.status_code} is not promised"]
    if "$ref" in said:
        said = schema["components"]["responses"][said["$ref"].rpartition("/")[2]]
    content = said.get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if not content:
        return ["there is a body"] if answer.content else []
    if media_type not in content:
        return [f"{media_type} is none of {', '.join(content)}"]
    if not media_type.endswith("json"):
        return []
    validator = Draft202012Validator({**content[media_type].get("schema", {}), "components": schema["components"]})
    return [f"{one.json_path}: {one.message[:300]}" for one in validator.iter_errors(answer.json())]
