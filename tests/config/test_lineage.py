"""`lineage`: a file, a server, or both, and at most one login."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{}", "events go nowhere"),
        ("{url: 'ftp://x'}", "lineage.url"),
        ("{file: x, username: a}", "belong together"),
        ("{file: x, username: a, password_file: p, bearer_token_file: t}", "exclude each other"),
        ("{fil: x}", "did you mean file?"),
    ],
)
def test_mistakes_are_told_where_they_stand(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(f"lineage: {written}\n")
    with pytest.raises(FileError) as found:
        load_settings(tmp_path / "aiops.yaml", data_dir=tmp_path)
    assert said in str(found.value)


def test_files_are_those_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("lineage: {file: told.ndjson, url: 'http://x/l', bearer_token_file: t}\n")
    one = load_settings(tmp_path / "aiops.yaml", data_dir=tmp_path).lineage
    assert one is not None
    assert (one.file, str(one.bearer_token_file)) == (tmp_path / "told.ndjson", str(tmp_path / "t"))
