"""CloudWatch behind the same port, against moto."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.read import read
from aiops.telemetry.cloudwatch import CloudWatchParams, CloudWatchSource
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import anomaly_card

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

END = int(time.time()) // 300 * 300 - 600
START = END - 3600
QUERY = 'AWS_EC2_CPUUtilization{InstanceId=~"i-.+"}'


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        client = boto3.client("cloudwatch", region_name="eu-central-1")
        for i, (instance, level) in enumerate((("i-1", 10.0), ("i-2", 20.0), ("other", 30.0))):
            for t in range(START, END, 300):
                data = {
                    "MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                    "Timestamp": datetime.fromtimestamp(t, UTC), "Value": level + i + (t - START) / 300,
                }  # fmt: skip
                client.put_metric_data(Namespace="AWS/EC2", MetricData=[data])
        yield client


def source(**limits: Any) -> CloudWatchSource:
    params = CloudWatchParams(region="eu-central-1", namespaces=["AWS/EC2", "AWS/EBS"])
    return CloudWatchSource("aws", params, ReadLimits(**limits))


def error_of(query: str, step_s: int = 300, **limits: Any) -> SourceError:
    with pytest.raises(SourceError) as error:
        source(**limits).fetch(query, START, END, step_s)
    return error.value


def test_a_selector_gives_a_block_with_each_period_at_its_end(cloud: Any) -> None:
    block = source().fetch(QUERY, START, END, 300, "%").block
    assert block.labels == ({"InstanceId": "i-1"}, {"InstanceId": "i-2"})
    assert block.time_s.tolist() == list(range(START, END + 1, 300))
    assert np.isnan(block.values[:, 0]).all(), "nothing was put before the first period"
    np.testing.assert_allclose(block.values[0, 1:], 10 + np.arange(12))


def test_the_labels_are_the_same_object_while_the_series_stay(cloud: Any) -> None:
    one = source()
    assert one.fetch(QUERY, START, START, 300).block.labels is one.fetch(QUERY, END, END, 300).block.labels


def test_a_card_is_watched_on_it_as_on_any_source(cloud: Any) -> None:
    card = ModelCard.model_validate(anomaly_card(query=QUERY, entity=["InstanceId"], history="1h"))
    watch = make_watch(card, [Link(source(), {"cloud": "aws"})], 300, None)
    found = read(watch, END)
    assert [dict(one) for one in watch.window.labels] == [{"cloud": "aws", "InstanceId": i} for i in ("i-1", "i-2")]
    assert np.isfinite(found.values).sum() == 24


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("rate(AWS_EC2_CPUUtilization[5m])", "unsupported", "one selector"),
        ("AWS_S3_BucketSizeBytes", "bad_query", "none of the namespaces AWS/EC2, AWS/EBS"),
        ("AWS_EC2_CPUUtilization{", "bad_query", "AWS_EC2"),
    ],
)
def test_what_it_cannot_be_asked_is_said(cloud: Any, query: str, kind: str, said: str) -> None:
    error = error_of(query)
    assert error.kind == kind
    assert said in error.message


def test_a_step_that_is_no_period_is_said(cloud: Any) -> None:
    assert "whole minutes" in error_of(QUERY, 45).message


def test_caps_are_kept(cloud: Any) -> None:
    assert error_of(QUERY, series=1).kind == "too_many_series"
    assert error_of(QUERY, samples=5).kind == "too_many_points"
    assert error_of(QUERY, seconds=-1.0).kind == "timeout"


def test_nothing_there_is_an_empty_block(cloud: Any) -> None:
    assert source().fetch("AWS_EBS_VolumeReadOps", START, END, 300).block.values.shape == (0, 13)


def test_without_credentials_the_error_is_auth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert error_of(QUERY).kind == "auth"


def test_a_refused_connection_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    params = CloudWatchParams(region="eu-central-1", namespaces=["AWS/EC2"], endpoint="http://127.0.0.1:9")
    with pytest.raises(SourceError) as error:
        CloudWatchSource("aws", params, ReadLimits(seconds=2)).probe()
    assert error.value.kind == "unreachable"


def test_the_probe_counts_what_is_there(cloud: Any) -> None:
    assert source().probe() == "CloudWatch of eu-central-1: 3 metrics or more in AWS/EC2"
