"""The HTTP side: every route answers, hostile labels stay text, reading needs no credential and all else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route

from aiops.core.errors import SourceError, StoreError
from aiops.web.access.sight import is_loopback
from aiops.web.app import make_app
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling

HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>\u202egnp.exe\n{{7*7}}'
BASE = "http://127.0.0.1:9464"


@pytest.fixture
def app(rig: Rig) -> Any:
    for instance in ("a", HOSTILE):
        rig.world.add("free", {"instance": instance}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    rig.start(card(), anomaly_card())
    rig.until_warned()
    assert rig.daemon is not None
    return make_app(rig.daemon)


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as found:
        yield found


def warning_id(rig: Rig, instance: str = HOSTILE) -> str:
    assert rig.daemon is not None
    return next(w.id for w in rig.daemon.store.open_warnings() if w.entity["instance"] == instance)


def routes(app: Any) -> list[tuple[str, str]]:
    """(method, path) of everything that is served."""
    served = [r for r in app.routes if isinstance(r, APIRoute | Route)]
    return [(method, r.path) for r in served for method in sorted((r.methods or set()) - {"HEAD"})]


def test_every_get_route_answers(rig: Rig, app: Any, client: TestClient) -> None:
    seen = 0
    app.state.feed.close()  # else its stream has no end
    for method, path in routes(app):
        if method == "GET":
            name = "aiops.css" if path.startswith("/static/") else "disk-filling-up"
            named = {"{warning_id}": warning_id(rig), "{name}": name, "{runbook}": name}
            answer = client.get(reduce(lambda found, one: found.replace(*one), named.items(), path))
            if "{run_id}" in path or path.startswith("/feedback/"):  # there is no response here, and no key that opens the other
                assert answer.status_code == 404
                continue
            assert answer.status_code == 200, path
            if (path.startswith("/api") and path != "/api/v1/events") or path in ("/-/ready", "/openapi.json"):
                assert answer.headers["content-type"] == "application/json"
                assert answer.json() is not None
            seen += 1
    assert seen >= 12


PROVING = ("/login", "/enter", "/feedback/{warning_id}")
"""Where what is sent is the proof."""


def test_everything_but_reading_needs_the_token(rig: Rig, app: Any, client: TestClient) -> None:
    assert rig.daemon is not None
    changing = [(method, path) for method, path in routes(app) if method != "GET" and path not in PROVING]
    assert ("POST", "/-/reload") in changing
    for method, path in changing:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {rig.daemon.token}"}):
            answer = client.request(method, path.replace("{warning_id}", "x"), headers=headers)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert rig.daemon.board.reloaded_s == rig.daemon.board.started_s


@pytest.mark.row("A8")
def test_every_answer_forbids_scripts_frames_and_sniffing(rig: Rig, client: TestClient) -> None:
    page = f"/warnings/{warning_id(rig)}"
    for path in ("/", page, "/api/v1/warnings", "/metrics", "/-/ready", "/missing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none';"), path
        assert "unsafe" not in headers["content-security-policy"]
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("private, no-cache" if path.startswith("/api/") else "no-store")


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("page", ["/", "/warnings/{id}"])
@pytest.mark.row("A9")
def test_labels_stay_text_in_pages(rig: Rig, client: TestClient, page: str) -> None:
    text = client.get(page.replace("{id}", warning_id(rig))).text
    tags = Tags(text).found
    assert {tag for tag, _ in tags} & {"img", "iframe", "object", "style"} == set()
    assert all((attributes.get("src") or "").startswith("/static/") for tag, attributes in tags if tag == "script")
    assert len(re.findall(r"<script[^>]*></script>", text)) == text.count("<script")
    assert [a for _, a in tags if any(name.startswith("on") or name == "style" for name in a)] == []
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text, "a direction mark is shown as what it is"
    assert "{{7*7}}" in text
    assert "49" not in re.findall(r"onerror.{0,200}", text)[0][:60]


def test_a_source_that_says_html_is_shown_as_text(rig: Rig, client: TestClient) -> None:
    rig.world.error = SourceError("made", "not_prometheus", "<b>login</b>")
    rig.clock.now += 300
    rig.turn()
    text = client.get("/").text
    assert "&lt;b&gt;login&lt;/b&gt;" in text
    assert "Not ready" in text


def test_the_overview_says_what_is_open_and_that_it_is_unproven(rig: Rig, client: TestClient) -> None:
    text = client.get("/").text
    assert "<title>(2) aiops: now</title>" in text
    assert "shadow: told to nobody" in text
    assert warning_id(rig, "a") in text


def test_the_page_of_a_warning_says_when_how_sure_and_why(rig: Rig, client: TestClient) -> None:
    text = client.get(f"/warnings/{warning_id(rig, 'a')}").text
    for said in ("Between", "Act before", "How sure", "Why", "limit", "What to do", "at the latest", "<svg", "opened; expected"):
        assert said in text, said


def test_a_judged_warning_shows_its_verdict(rig: Rig, client: TestClient) -> None:
    found = warning_id(rig, "a")
    rig.at(13 * 3600)
    rig.turn()
    assert "hit" in client.get(f"/warnings/{found}").text
    assert client.get(f"/api/v1/warnings/{found}").json()["outcome"]["verdict"] == "hit"
    assert {o["verdict"] for o in client.get("/api/v1/outcomes").json()} == {"hit"}
    assert ">hit</strong>" in client.get("/").text


def test_json_of_warnings(rig: Rig, client: TestClient) -> None:
    found = client.get("/api/v1/warnings").json()
    assert {w["entity"]["instance"] for w in found} == {"a", HOSTILE}
    assert all(w["stage"] == "shadow" and w["state"] == "open" and w["crossing"]["expected_s"] > 0 for w in found)
    one = client.get(f"/api/v1/warnings/{found[0]['id']}").json()
    assert one["judged_at"] > one["crossing"]["latest_s"]
    assert one["outcome"] is None


def test_the_overview_lists_the_series_that_are_watched(client: TestClient) -> None:
    page = client.get("/").text
    listed = re.findall(r'data-is="Series" class="long">([^<]*)<', page)
    assert len(listed) == len(client.get("/api/v1/series").json()) == 3
    assert sum("instance=a" in name for name in listed) == 2


def test_json_of_series_is_filtered_and_bounded(client: TestClient) -> None:
    assert {s["card"] for s in client.get("/api/v1/series").json()} == {"disk", "strange"}
    assert {s["card"] for s in client.get("/api/v1/series?card=strange").json()} == {"strange"}
    assert client.get("/api/v1/series?card=nothing").json() == []
    (one,) = client.get("/api/v1/series?card=disk&limit=1").json()
    assert one["value"] == pytest.approx(0.3, abs=0.1)
    assert one["expected_crossing"] > one["at"]


def test_how_many_is_bounded(client: TestClient) -> None:
    for path in ("warnings", "series", "outcomes"):
        for limit in ("0", "-1", "1001", "x", "1e9", "9999999999999999999999", ""):
            assert client.get(f"/api/v1/{path}?limit={limit}").status_code == 422, (path, limit)


def test_json_of_status_and_cards(client: TestClient) -> None:
    status = client.get("/api/v1/status").json()
    assert status["ready"] is True
    assert status["sources"] == [{"name": "made", "ok": True, "error": ""}]
    assert sum(status["series"].values()) == 3
    cards = {c["card"]: c for c in client.get("/api/v1/cards").json()}
    assert cards["disk"]["models"] == ["exhaustion"]
    assert cards["disk"]["record"]["text"] == "new, unproven"
    assert cards["disk"]["calibration"]["exhaustion"]["confidence"] == "the model's own, no outcomes yet"
    assert cards["disk"]["calibration"]["exhaustion"]["confidence_floor"] == 0.0
    assert cards["strange"]["stage"] == "shadow"


HOSTILE_IDS = ["nothing", "%", "_", "..%2f..%2fetc%2fpasswd", "%00", "a" * 5000, "' OR 1=1 --", "%f0%9f%92%a9", "%ed%a0%80"]


@pytest.mark.row("A16")
def test_ids_that_are_none_are_not_found(client: TestClient) -> None:
    for bad in HOSTILE_IDS:
        assert client.get(f"/api/v1/warnings/{bad}").status_code == 404, bad
        assert client.get(f"/warnings/{bad}").status_code == 404, bad


MISSING = ["/static/../app.py", "/static/%2e%2e/app.py", "/docs", "/redoc", "/-/quit", "/api/v1", "/api/v2/status"]


def test_what_does_not_exist_is_not_found(client: TestClient) -> None:
    assert {path: client.get(path).status_code for path in MISSING} == dict.fromkeys(MISSING, 404)


def test_the_api_describes_itself(app: Any, client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    described = {path for path in found["paths"]}
    served = {p for _, p in routes(app) if p.startswith(("/api", "/-/", "/metrics"))}
    assert described == served
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert operation["operationId"]


def test_ready_is_503_with_the_reason_when_every_source_fails(rig: Rig, client: TestClient) -> None:
    assert client.get("/-/ready").status_code == 200
    rig.world.error = SourceError("made", "unreachable", "connection refused")
    rig.clock.now += 300
    rig.turn()
    answer = client.get("/-/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == {"made": "unreachable: connection refused"}
    assert client.get("/-/healthy").status_code == 200


def test_metrics_speak_both_forms(client: TestClient) -> None:
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def token_of(rig: Rig) -> dict[str, str]:
    assert rig.daemon is not None
    return {"Authorization": f"Bearer {rig.daemon.token}"}


def test_reload(rig: Rig, client: TestClient) -> None:
    rig.world.add("inodes", {"instance": "a"}, calm())
    rig.write(card(), card("inode", "inodes"))
    answer = client.post("/-/reload", headers=token_of(rig))
    assert (answer.status_code, answer.json()) == (200, {"reloaded": True})
    assert rig.daemon is not None
    (row,) = [row for row in rig.daemon.store.ledger_rows() if row.action == "config.reload"]
    assert row.actor == rig.daemon.settings.responses.token_user, "whoever asked, by the proof"
    assert {c["card"] for c in client.get("/api/v1/cards").json()} == {"disk", "inode"}


def test_reading_reload_is_not_allowed(rig: Rig, client: TestClient) -> None:
    answer = client.get("/-/reload", headers=token_of(rig))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_bad_file_is_told_and_the_old_configuration_stays(rig: Rig, client: TestClient) -> None:
    before = client.get("/api/v1/cards").json()
    (rig.folder / "cards" / "disk.yaml").write_text("kind: ModelCard\n<b>: 1\n")
    answer = client.post("/-/reload", headers=token_of(rig))
    assert answer.status_code == 500
    assert "disk.yaml:" in answer.json()["detail"]
    assert client.get("/api/v1/cards").json() == before
    status = client.get("/api/v1/status").json()
    assert status["reload"]["ok"] is False
    text = client.get("/").text
    assert "old configuration stays" in text
    assert "<b>" not in text


@pytest.mark.row("A18")
def test_a_store_that_cannot_be_read_is_503_with_the_reason(
    rig: Rig, app: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.daemon is not None

    def broken(*_: object, **__: object) -> None:
        raise StoreError("store: cannot be read: disk I/O error")

    monkeypatch.setattr(rig.daemon.store, "_read", broken)
    rig.daemon.rooms.forget("disk")
    for path in ("/", "/warnings/x", "/api/v1/warnings", "/api/v1/warnings/x", "/api/v1/outcomes", "/api/v1/cards"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert answer.json()["detail"] == "store: cannot be read: disk I/O error"
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/-/healthy").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_a_loopback_service_answers_under_loopback_names(client: TestClient) -> None:
    for host in ("127.0.0.1:9464", "localhost:1", "LOCALHOST", "[::1]:9464", "127.9.9.9", "[::1]"):
        assert client.get("/-/healthy", headers={"Host": host}).status_code == 200, host


OTHERS = ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]:1", "a]b"]


def test_and_under_no_other(client: TestClient) -> None:
    for host in OTHERS:
        for path in ("/", "/api/v1/warnings", "/metrics"):
            assert client.get(path, headers={"Host": host}).status_code == 400, (host, path)


def test_off_loopback_any_name_will_do(rig: Rig) -> None:
    rig.more = {"web": {"listen": "0.0.0.0:9464"}}
    daemon = rig.start(card())
    with TestClient(make_app(daemon), base_url="http://aiops.internal:9464", client=("127.0.0.1", 50000)) as client:
        assert client.get("/-/healthy").status_code == 200


def test_what_counts_as_loopback() -> None:
    assert [is_loopback(h) for h in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")] == [True] * 5
    assert [is_loopback(h) for h in ("0.0.0.0", "::", "10.0.0.1", "localhost.", "example", "")] == [False] * 6


def test_who_is_not_on_this_machine_sees_what_the_policy_lets_leave(rig: Rig) -> None:
    rig.world.add("free", {"instance": "db-secret"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    seen = []
    for place, headers in (("127.0.0.1", {}), ("10.1.2.3", {}), ("127.0.0.1", {"x-forwarded-for": "10.1.2.3"})):
        with TestClient(make_app(daemon), base_url=BASE, client=(place, 50000), headers=headers) as client:
            paths = ("/api/v1/warnings", "/api/v1/series", "/", f"/warnings/{daemon.store.open_warnings()[0].id}")
            seen.append(["db-secret" in client.get(path).text for path in paths])
    assert seen == [[True] * 4, [False] * 4, [False] * 4]
