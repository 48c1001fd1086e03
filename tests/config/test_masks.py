"""`masks` of the configuration: each mistake where it stands, paths beside the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.settings import Settings, load_settings
from aiops.core.errors import FileError

HEAD = 'sources: {one: {kind: prometheus, url: "http://127.0.0.1:9"}}\n'
TWO = HEAD.replace("}}", '}, two: {kind: prometheus, url: "http://127.0.0.1:9"}}')


def loaded(tmp_path: Path, mask: str, head: str = HEAD) -> Settings:
    path = tmp_path / "aiops.yaml"
    path.write_text(f"{head}masks:\n  m: {mask}\n")
    return load_settings(path, data_dir=tmp_path)


def refused(tmp_path: Path, mask: str, head: str = HEAD) -> str:
    with pytest.raises(FileError) as e:
        loaded(tmp_path, mask, head)
    return str(e.value)


def test_files_of_a_mask_stand_beside_the_config(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "{kind: ical, file: ops.ics}").masks.values()
    assert one.file == tmp_path / "ops.ics"
    (two,) = loaded(tmp_path, '{kind: silences, url: "http://127.0.0.1:9093", bearer_token_file: token}').masks.values()
    assert two.bearer_token_file == tmp_path / "token"


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("{kind: cron, cron: 0 3 * * *, url: http://x}", "masks.m.url: is no key of a mask of kind cron; remove it"),
        ("{kind: cron, cron: 0 3 * * *}", "masks.m: a mask of kind cron needs for"),
        ("{kind: cron, cron: 61 * * * *, for: 1h}", "masks.m.cron: minute: '61' is not between 0 and 59"),
        ("{kind: cron, cron: 0 3 * * *, for: 9d}", "masks.m.for: must be at most 7d"),
        ("{kind: ical}", "masks.m: give either file or url"),
        ("{kind: ical, file: a.ics, url: http://x}", "masks.m.url: give either file or url"),
        ("{kind: ical, file: a.ics, time_zone: Nowhere}", "masks.m.time_zone: 'Nowhere' is no time zone"),
        ("{kind: silences, url: http://x, username: a}", "masks.m.username: username and password_file belong together"),
        ("{kind: silences}", "masks.m: a mask of kind silences needs url"),
        ("{kind: query, query: up(, for: 5m}", "masks.m.query: is no PromQL"),
        ("{kind: query, query: up, for: 5m, source: tow}", "masks.m.source: no source 'tow'"),
        ("{kind: silence, url: http://x}", "did you mean silences?"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, mask: str, said: str) -> None:
    assert said in refused(tmp_path, mask)


def test_of_several_sources_one_must_be_named(tmp_path: Path) -> None:
    assert "name one of one, two as source" in refused(tmp_path, "{kind: query, query: up, for: 5m}", TWO)
    assert loaded(tmp_path, "{kind: query, query: up, for: 5m, source: two}", TWO).masks["m"].source == "two"
