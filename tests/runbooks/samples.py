"""A runbook that writes, for tests: reading, deciding, writing with approval, verifying, undoing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiops.runbooks import Runbook, load_runbook
from aiops.runbooks.schema import RunbookTest

POOL = """\
apiVersion: aiops/v1
kind: Runbook
name: pool
summary: A pool of workers is forecast to be used up. Add workers while there is room.
owner: {team: web-sre, contact: "#web", reviewed: "2026-03-01"}
docs: https://runbooks.example.org/pool
mode: approve
match:
  kind: forecast
  signal: workers_free
  labels: ['env=~"prod|stage"']
  lead_time: {min: 10m, max: 12h}
  confidence: {min: 0.7}
  severity: [warning, critical]
  for: 5m
target_by: [service]
guards:
  cooldown: 1h
  max_runs: {count: 2, per: 1d}
  max_targets: {count: 3, per: 1h}
  require:
    - {name: room left, promql: 'min(nodes_free{$target})', expect: ">= 2"}
approval: {for: write, from: ["group:web-sre"], expires: 20m}
steps:
  - id: look
    uses: exec
    effect: read
    with: {host: "${{ symptom.labels.instance }}", argv: [workers, --json, --of, "${{ target.service }}"]}
    output: json
    timeout: 30s
  - id: wanted
    uses: compute
    with: {workers: "steps.look.json.workers + 2 > 9 ? 9 : steps.look.json.workers + 2"}
  - id: clean
    if: steps.look.json.idle > 3
    uses: exec
    effect: write
    with: {argv: [workers, --drop-idle, --of, "${{ target.service }}"]}
    output: json
    idempotent: true
    irreversible: Idle workers lose what they have cached.
    timeout: 1m
  - id: grow
    if: steps.look.json.idle <= 3
    uses: http
    effect: write
    with:
      method: PUT
      url: https://pool.example.org/v1/${{ target.service }}/size
      json: {workers: "${{ steps.wanted.workers }}"}
    check: {url: "https://pool.example.org/v1/${{ target.service }}", expect: response.workers >= steps.wanted.workers}
    undo:
      uses: http
      with: {method: PUT, url: "https://pool.example.org/v1/size", json: {workers: "${{ steps.look.json.workers }}"}}
    output: json
    timeout: 2m
verify:
  within: 30m
  all:
    - {name: workers again, promql: 'min(workers_free{$target})', expect: ">= 3", for: 5m}
    - {name: forecast, forecast: clear}
notify: {route: default, impact: "Requests to ${{ symptom.labels.service }} will queue."}
tests:
  - name: grows
    symptom: {kind: forecast, signal: workers_free, lead_time: 2h, confidence: 0.9, labels: {env: prod, service: shop}}
    mocks:
      require: {room left: 4}
      steps: {look: {json: {workers: 8, idle: 0}}, grow: {status: 200}}
      verify: {workers again: 5, forecast: clear}
    approve_after: 3m
    expect: {outcome: succeeded, ran: [look, wanted, grow], skipped: [clean]}
"""


def loaded(tmp_path: Path, text: str = POOL, name: str = "pool.yaml") -> Runbook:
    path = tmp_path / name
    path.write_text(text)
    return load_runbook(path)


def changed(runbook: Runbook, **changes: Any) -> RunbookTest:
    """The first test of a runbook, changed: keys of `mocks` and `symptom` are merged into it."""
    data = runbook.tests[0].model_dump()
    for key, value in changes.items():
        data[key] = {**data[key], **value} if key in ("mocks", "symptom") else value
    return RunbookTest.model_validate(data)
