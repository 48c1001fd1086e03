"""Every card of the library asks for series as the exporters have them: what the real engine answers, entity by entity."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from aiops.models.card import ModelCard
from tests import shipped
from tests.servers import binary

CARDS = [card for card in shipped.CARDS if card not in shipped.HOST_CARDS]
POD = 'namespace="shop",pod="cart-0"'
DB, CACHE, MQ, PROM = 'instance="db1:9187"', 'instance="cache1:9121"', 'instance="mq1:15692"', 'instance="prom1:9090"'
HEAP = 'job="shop",instance="app1:8080"'
WORLD = {
    "fleet_memory_capacity": [
        ('node_memory_MemAvailable_bytes{job="node",instance="a"}', "90"),
        ('node_memory_MemTotal_bytes{job="node",instance="a"}', "100"),
        ('node_memory_MemAvailable_bytes{job="node",instance="b"}', "135"),
        ('node_memory_MemTotal_bytes{job="node",instance="b"}', "200"),
    ],
    "fleet_storage_capacity": [
        ('node_filesystem_avail_bytes{job="node",instance="a",fstype="ext4",mountpoint="/"}', "75"),
        ('node_filesystem_size_bytes{job="node",instance="a",fstype="ext4",mountpoint="/"}', "100"),
        ('node_filesystem_avail_bytes{job="node",instance="a",fstype="tmpfs",mountpoint="/run"}', "900"),
        ('node_filesystem_size_bytes{job="node",instance="a",fstype="tmpfs",mountpoint="/run"}', "900"),
    ],
    "kube_cluster_capacity": [
        (f'kube_pod_container_resource_requests{{{POD},container="cart",node="a",resource="memory",unit="byte"}}', "25"),
        (f'kube_pod_status_phase{{{POD},phase="Running"}}', "1"),
        ('kube_pod_container_resource_requests{namespace="shop",pod="done-0",container="x",node="a",resource="memory"}', "50"),
        ('kube_pod_status_phase{namespace="shop",pod="done-0",phase="Succeeded"}', "1"),
        ('kube_node_status_allocatable{node="a",resource="memory",unit="byte"}', "60"),
        ('kube_node_status_allocatable{node="b",resource="memory",unit="byte"}', "40"),
        ('kube_node_status_allocatable{node="b",resource="pods",unit="integer"}', "110"),
    ],
    "kube_volume_full": [
        ('kubelet_volume_stats_available_bytes{namespace="shop",persistentvolumeclaim="data",node="a"}', "25"),
        ('kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="data",node="a"}', "100"),
    ],
    "kube_container_memory_limit": [
        (f'container_memory_working_set_bytes{{{POD},container="cart",image="x",node="a"}}', "25"),
        (f'container_memory_working_set_bytes{{{POD},container="",image="",node="a"}}', "90"),
        (f'kube_pod_container_resource_limits{{{POD},container="cart",resource="memory",unit="byte"}}', "100"),
        (f'kube_pod_container_resource_limits{{{POD},container="cart",resource="cpu",unit="core"}}', "1"),
    ],
    "kube_node_pods_full": [
        (f'kube_pod_info{{{POD},node="a",pod_ip="10.0.0.1"}}', "1"),
        ('kube_pod_info{namespace="shop",pod="done-0",node="a",pod_ip=""}', "1"),
        (f'kube_pod_status_phase{{{POD},phase="Running"}}', "1"),
        (f'kube_pod_status_phase{{{POD},phase="Pending"}}', "0"),
        ('kube_pod_status_phase{namespace="shop",pod="done-0",phase="Succeeded"}', "1"),
        ('kube_pod_status_phase{namespace="shop",pod="done-0",phase="Running"}', "0"),
        ('kube_node_status_allocatable{node="a",resource="pods",unit="integer"}', "4"),
    ],
    "kube_quota_full": [
        ('kube_resourcequota{namespace="shop",resourcequota="q",resource="pods",type="used"}', "25"),
        ('kube_resourcequota{namespace="shop",resourcequota="q",resource="pods",type="hard"}', "100"),
        ('kube_resourcequota{namespace="shop",resourcequota="q",resource="services",type="used"}', "0"),
        ('kube_resourcequota{namespace="shop",resourcequota="q",resource="services",type="hard"}', "0"),
    ],
    "kube_autoscaler_at_maximum": [
        ('kube_horizontalpodautoscaler_status_desired_replicas{namespace="shop",horizontalpodautoscaler="cart"}', "1"),
        ('kube_horizontalpodautoscaler_spec_max_replicas{namespace="shop",horizontalpodautoscaler="cart"}', "4"),
    ],
    "postgres_connections_full": [
        (f'pg_stat_activity_count{{{DB},datname="orders",state="idle"}}', "20"),
        (f'pg_stat_activity_count{{{DB},datname="orders",state="active"}}', "5"),
        (f'pg_settings_max_connections{{{DB},server="db1:5432"}}', "100"),
    ],
    "postgres_wraparound": [(f'pg_database_wraparound_age_datfrozenxid_seconds{{{DB},datname="orders"}}', "525000000")],
    "postgres_replica_behind": [(f'pg_replication_lag_seconds{{{DB},server="db1:5432"}}', "0.25")],
    "mysql_connections_full": [
        (f"mysql_global_status_threads_connected{{{DB}}}", "25"), (f"mysql_global_variables_max_connections{{{DB}}}", "100"),
    ],
    "mysql_ids_exhausted": [
        (f'mysql_info_schema_auto_increment_column{{{DB},schema="shop",table="orders",column="id"}}', "25"),
        (f'mysql_info_schema_auto_increment_column_max{{{DB},schema="shop",table="orders",column="id"}}', "100"),
    ],
    "mysql_replica_behind": [(f'mysql_slave_status_seconds_behind_master{{{DB},channel_name="",master_host="db0"}}', "0.25")],
    "redis_memory_full": [
        (f"redis_memory_used_bytes{{{CACHE}}}", "25"), (f"redis_memory_max_bytes{{{CACHE}}}", "100"),
        ('redis_memory_used_bytes{instance="unlimited"}', "25"), ('redis_memory_max_bytes{instance="unlimited"}', "0"),
    ],
    "redis_clients_full": [(f"redis_connected_clients{{{CACHE}}}", "25"), (f"redis_config_maxclients{{{CACHE}}}", "100")],
    "kafka_consumer_behind": [
        ('kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="0"}', "0.125"),
        ('kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="1"}', "0.125"),
    ],
    "rabbitmq_memory_alarm": [
        (f"rabbitmq_process_resident_memory_bytes{{{MQ}}}", "25"), (f"rabbitmq_resident_memory_limit_bytes{{{MQ}}}", "100"),
    ],
    "rabbitmq_disk_alarm": [
        (f"rabbitmq_disk_space_available_limit_bytes{{{MQ}}}", "25"), (f"rabbitmq_disk_space_available_bytes{{{MQ}}}", "100"),
    ],
    "rabbitmq_queue_growing": [('rabbitmq_detailed_queue_messages_ready{instance="mq1:15692",vhost="/",queue="orders"}', "0.25")],
    "web_error_ratio": [
        ('http_requests_total{job="shop",instance="a",code="500",method="GET"}', "0+1x20"),
        ('http_requests_total{job="shop",instance="b",code="200",method="GET"}', "0+3x20"),
    ],
    "web_latency": [
        ('http_request_duration_seconds_bucket{job="shop",instance="a",le="0.25"}', "0+99x20"),
        ('http_request_duration_seconds_bucket{job="shop",instance="a",le="1"}', "0+100x20"),
        ('http_request_duration_seconds_bucket{job="shop",instance="a",le="+Inf"}', "0+100x20"),
    ],
    "web_traffic": [('http_requests_total{job="shop",instance="a",code="200"}', "0+15x20")],
    "haproxy_sessions_full": [
        ('haproxy_frontend_current_sessions{instance="lb1:8404",proxy="https"}', "25"),
        ('haproxy_frontend_limit_sessions{instance="lb1:8404",proxy="https"}', "100"),
    ],
    "certificate_expiry": [('probe_ssl_earliest_cert_expiry{instance="https://shop.example",job="blackbox"}', "600.25")],
    "prometheus_rules_slow": [
        (f'prometheus_rule_group_last_duration_seconds{{{PROM},rule_group="f;g"}}', "15"),
        (f'prometheus_rule_group_interval_seconds{{{PROM},rule_group="f;g"}}', "60"),
    ],
    "prometheus_notifications_full": [
        (f"prometheus_notifications_queue_length{{{PROM}}}", "25"), (f"prometheus_notifications_queue_capacity{{{PROM}}}", "100"),
    ],
    "prometheus_remote_write_behind": [
        (f"prometheus_remote_storage_highest_timestamp_in_seconds{{{PROM}}}", "600.25"),
        (f'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{{{PROM},remote_name="far",url="http://x"}}', "600"),
    ],
    "prometheus_series_growing": [(f"prometheus_tsdb_head_series{{{PROM}}}", "0.25")],
    "jvm_heap_full": [
        (f'jvm_memory_used_bytes{{{HEAP},area="heap",id="Eden"}}', "10"),
        (f'jvm_memory_used_bytes{{{HEAP},area="heap",id="Old"}}', "15"),
        (f'jvm_memory_max_bytes{{{HEAP},area="heap",id="Eden"}}', "-1"),
        (f'jvm_memory_max_bytes{{{HEAP},area="heap",id="Old"}}', "100"),
        (f'jvm_memory_used_bytes{{{HEAP},area="nonheap",id="Meta"}}', "90"),
    ],
    "conntrack_full": [
        ('node_nf_conntrack_entries{instance="gw1:9100"}', "25"), ('node_nf_conntrack_entries_limit{instance="gw1:9100"}', "100"),
    ],
    "clock_drifting": [('node_timex_offset_seconds{instance="db1:9100"}', "-0.25")],
}  # fmt: skip
"""Series that make the answer 0.25 after ten minutes; beside them some that must not count."""
AT = "10m"
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


def entity(card: ModelCard) -> str:
    """The labels of what breaks, as the given series have them."""
    known = [dict(LABEL.findall(name)) for name, _ in WORLD[card.name]]
    found = {label: next(one[label] for one in known if label in one) for label in card.entity}
    return "{" + ",".join(f'{label}="{value}"' for label, value in found.items()) + "}"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_engine_answers_with_one_series_of_the_entity(card: ModelCard, tmp_path: Path) -> None:
    wanted = {
        f"count by ({', '.join(card.entity)}) ({card.query})": [{"labels": entity(card), "value": 1}],
        f"count({card.query})": [{"labels": "{}", "value": 1}],
        f"round(sum({card.query}), 0.0001)": [{"labels": "{}", "value": 0.25}],
    }
    given = [{"series": name, "values": values if "x" in values else f"{values}x20"} for name, values in WORLD[card.name]]
    asked = [{"expr": expr, "eval_time": AT, "exp_samples": samples} for expr, samples in wanted.items()]
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": asked}]}))
    command = [binary("promtool", "prometheus"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_engine_is_asked_about_every_card() -> None:
    assert {card.name for card in CARDS} == set(WORLD)
