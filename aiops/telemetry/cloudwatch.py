"""Amazon CloudWatch: a cloud without PromQL behind the same port.

A query is one selector, written as in PromQL: `AWS_EC2_CPUUtilization{stat="Average", InstanceId=~".+"}`. The name is the
namespace with `/` as `_`, then the metric; `stat` is the statistic; the other matchers choose among the metrics that
ListMetrics finds. Labels of a series are its dimensions. CloudWatch's periods begin at their instant, PromQL's values stand for
what was before theirs: a period is put at its end.

Source: CloudWatch API, ListMetrics and GetMetricData.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydantic import Field

from aiops.core.errors import SourceError
from aiops.core.labels import Matcher, matches_all
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.core.text import visible
from aiops.telemetry.labelling import Labelling
from aiops.telemetry.sigv4 import EXTRA
from aiops.telemetry.source import Answer, ReadLimits, Source

QUERIES_A_CALL, POINTS_A_CALL = 500, 100_800
"""What GetMetricData takes and gives at most."""
PERIODS = (1, 5, 10, 30)
"""Besides whole minutes, the steps there are."""
STAT = "stat"
KEPT_S = 15 * 86400


class CloudWatchParams(Params):
    """Parameters of `CloudWatchSource`."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="for example eu-central-1")
    profile: str = Field("", description="a profile of the AWS configuration; empty: the default chain")
    namespaces: list[str] = Field(min_length=1, description="namespaces that may be asked for, for example AWS/EC2")
    endpoint: str = Field("", pattern=r"^(https?://[^\s]+)?$", description="another endpoint; empty: the region's own")


class CloudWatchSource(Source[CloudWatchParams]):
    """Amazon CloudWatch, with the credentials of AWS's usual chain.

    The step must be a period of CloudWatch: 1, 5, 10 or 30 s, or whole minutes. Samples come minutes late: say so with
    `lateness`. Raises SourceError of every kind; auth when the extra `aws` is not installed.

    Source: CloudWatch API, GetMetricData.

    >>> CloudWatchSource("aws", CloudWatchParams(region="eu-central-1", namespaces=["AWS/EC2"]), ReadLimits()).name
    'aws'
    """

    Params = CloudWatchParams

    def __init__(self, name: str, params: CloudWatchParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._client: Any = None
        self._labelling = Labelling(name)

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`."""
        if step_s % 60 and step_s not in PERIODS:
            raise SourceError(self.name, "bad_query", f"a step of {step_s} s is no period of CloudWatch; take whole minutes")
        deadline = time.monotonic() + self.limits.seconds
        namespace, metric, stat, matchers = self._read(query)
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        found = [one for one in self._metrics(namespace, metric, deadline) if matches_all(matchers, one)]
        if len(found) > self.limits.series:
            message = f"{len(found)} series, more than limits.series = {self.limits.series}; narrow the query or raise it"
            raise SourceError(self.name, "too_many_series", message)
        if len(found) * len(times) > self.limits.samples:
            message = f"{len(found) * len(times)} samples, more than limits.samples = {self.limits.samples}; ask for less"
            raise SourceError(self.name, "too_many_points", message)
        values, notes = self._values(namespace, metric, stat, found, times, step_s, deadline)
        labels = self._labelling.of(query, found)
        return Answer(Block(labels, times, values, unit, Lineage(self.name, query, start_s, end_s, partial=notes)), notes)

    def oldest_s(self) -> int | None:
        """Minutes are kept for 15 days; longer periods longer, which is not relied on."""
        return int(time.time()) - KEPT_S

    def probe(self) -> str:
        """List one namespace."""
        namespace = self.params.namespaces[0]
        found = self._call("list_metrics", time.monotonic() + self.limits.seconds, Namespace=namespace)
        return f"CloudWatch of {self.params.region}: {len(found.get('Metrics', []))} metrics or more in {visible(namespace)}"

    def _read(self, query: str) -> tuple[str, str, str, list[Matcher]]:
        """(namespace, metric, statistic, matchers) of a selector."""
        import promql_parser

        try:
            tree: Any = promql_parser.parse(query)
        except ValueError as e:
            raise SourceError(self.name, "bad_query", f"{visible(query)}: {e}") from e
        if type(tree).__name__ != "VectorSelector" or not tree.name or tree.offset or tree.at:
            message = f"{visible(query)}: CloudWatch is asked for one selector, without functions; write Namespace_Metric{{…}}"
            raise SourceError(self.name, "unsupported", message)
        try:
            matchers = [Matcher.make(m.name, OPS[str(m.op)], m.value) for m in tree.matchers.matchers]
        except ValueError as e:
            raise SourceError(self.name, "bad_query", f"{visible(query)}: {e}") from e
        stats = [m.value for m in matchers if m.name == STAT and m.op == "="]
        for namespace in self.params.namespaces:
            prefix = namespace.replace("/", "_") + "_"
            if tree.name.startswith(prefix):
                chosen = [m for m in matchers if m.name != STAT]
                return namespace, tree.name[len(prefix) :], stats[0] if stats else "Average", chosen
        known = ", ".join(self.params.namespaces)
        raise SourceError(self.name, "bad_query", f"{visible(tree.name)} is in none of the namespaces {visible(known)}")

    def _metrics(self, namespace: str, metric: str, deadline: float) -> list[dict[str, str]]:
        """The dimensions of every series of a metric, in one order."""
        found: list[dict[str, str]] = []
        token: dict[str, str] = {}
        while True:
            page = self._call("list_metrics", deadline, Namespace=namespace, MetricName=metric, **token)
            found += [{d["Name"]: d["Value"] for d in one.get("Dimensions", [])} for one in page.get("Metrics", [])]
            if not page.get("NextToken"):
                return sorted(found, key=lambda one: sorted(one.items()))
            token = {"NextToken": page["NextToken"]}

    def _values(
        self, namespace: str, metric: str, stat: str, found: Sequence[Mapping[str, str]], times: Any, step_s: int, deadline: float
    ) -> tuple[Any, tuple[str, ...]]:
        """(values (n, t), what the service warned of), asked in calls of bounded size."""
        values, notes = np.full((len(found), len(times)), np.nan), dict[str, None]()
        span = max(1, POINTS_A_CALL // QUERIES_A_CALL)
        for first in range(0, len(found), QUERIES_A_CALL):
            some = range(first, min(first + QUERIES_A_CALL, len(found)))
            queries = [_query(f"m{i}", namespace, metric, stat, found[i], step_s) for i in some]
            for a in range(0, len(times), span):
                part = times[a : a + span]
                for page in self._pages(queries, int(part[0]) - step_s, int(part[-1]), deadline):
                    notes |= dict.fromkeys(str(m.get("Value", ""))[:200] for m in page.get("Messages", []))
                    for one in page.get("MetricDataResults", []):
                        stamps = np.array([t.timestamp() for t in one["Timestamps"]], np.float64) + step_s
                        slot = np.round((stamps - times[0]) / step_s).astype(np.int64)
                        on = (slot >= 0) & (slot < len(times))
                        values[int(one["Id"][1:]), slot[on]] = np.array(one["Values"], np.float64)[on]
        return np.where(np.isfinite(values), values, np.nan), tuple(notes)

    def _pages(self, queries: list[dict[str, Any]], start_s: int, end_s: int, deadline: float) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self._call(
                "get_metric_data", deadline, MetricDataQueries=queries, StartTime=datetime.fromtimestamp(start_s, UTC),
                EndTime=datetime.fromtimestamp(end_s, UTC), ScanBy="TimestampAscending", **token,
            )  # fmt: skip
            yield page
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _call(self, what: str, deadline: float, **args: Any) -> dict[str, Any]:
        if time.monotonic() > deadline:
            raise SourceError(self.name, "timeout", f"no answer within {self.limits.seconds:g} s")
        client = self._connect()
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(client, what)(**args)
        except ClientError as e:
            code = str(e.response.get("Error", {}).get("Code", ""))
            kind = KINDS.get(code, "bad_query" if e.response["ResponseMetadata"]["HTTPStatusCode"] < 500 else "server_error")
            raise SourceError(self.name, kind, visible(str(e))) from e
        except BotoCoreError as e:
            kind = "timeout" if "imeout" in type(e).__name__ else "auth" if "redential" in type(e).__name__ else "unreachable"
            raise SourceError(self.name, kind, visible(str(e))) from e
        return answer

    def _connect(self) -> Any:
        if self._client is None:
            try:
                import boto3
                from botocore.config import Config
                from botocore.exceptions import BotoCoreError
            except ImportError as e:
                raise SourceError(self.name, "auth", f"cloudwatch: {EXTRA}") from e
            bounds = Config(
                connect_timeout=min(5.0, self.limits.seconds), read_timeout=self.limits.seconds, retries={"total_max_attempts": 2}
            )
            try:
                session = boto3.Session(profile_name=self.params.profile or None, region_name=self.params.region)
                self._client = session.client("cloudwatch", config=bounds, endpoint_url=self.params.endpoint or None)
            except BotoCoreError as e:
                raise SourceError(self.name, "auth", visible(str(e))) from e
        return self._client


OPS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
KINDS = {
    "Throttling": "server_error", "ThrottlingException": "server_error", "AccessDenied": "auth", "AccessDeniedException": "auth",
    "InvalidClientTokenId": "auth", "ExpiredToken": "auth", "SignatureDoesNotMatch": "auth",
}  # fmt: skip


def _query(name: str, namespace: str, metric: str, stat: str, dimensions: Mapping[str, str], step_s: int) -> dict[str, Any]:
    chosen = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    what = {"Namespace": namespace, "MetricName": metric, "Dimensions": chosen}
    return {"Id": name, "MetricStat": {"Metric": what, "Period": step_s, "Stat": stat}}
