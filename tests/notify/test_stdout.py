"""Messages on the terminal, and what happens when nobody reads them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiops.core.errors import NotifyError
from aiops.notify.stdout import StdoutNotifier, StdoutParams
from tests.notify.samples import HOSTILE, OPENED_S, closed, message, warning

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from aiops.core.errors import NotifyError
from aiops.notify.stdout import StdoutNotifier, StdoutParams
from tests.notify.samples import message, warning
out = StdoutNotifier("out", StdoutParams())
for i in range(3):
    try:
        out.send(message("opened", warning()), str(i), 0.0)
        print("sent", file=sys.stderr, flush=True)
    except NotifyError as e:
        print(f"refused: {e}", file=sys.stderr, flush=True)
    sys.stdin.readline()
"""


def out() -> StdoutNotifier:
    return StdoutNotifier("out", StdoutParams())


def test_a_message_is_a_block_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    out().send(message("opened", warning()), "k", OPENED_S)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2026-03-02T08:10:00Z EARLY WARNING disk full on db1 /var in 6h10m")
    assert all(line.startswith("    ") for line in lines[1:])
    assert "    How sure: 91%; 36 of the last 40 came true; median 1h50m ahead" in lines


def test_what_happened_stands_in_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    out().send(message("worsened", warning(severity="critical")), "k", OPENED_S)
    out().send(message("closed", closed(OPENED_S + 60), OPENED_S + 60), "k", OPENED_S)
    out().send(message("opened", warning(stage="shadow")), "k", OPENED_S)
    heads = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [head.split(" disk")[0] for head in heads] == ["WORSENED now critical:", "ENDED", "EARLY WARNING [shadow: unproven]"]


def test_it_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw, 1 << 20), encoding="utf-8"))
    out().send(message("opened", warning()), "k", OPENED_S)
    assert b"disk full" in raw.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_terminal_cannot_say_is_escaped(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    out().send(message("opened", warning(entity={**HOSTILE, "instance": "Büro-東京"})), "k", OPENED_S)
    shown = raw.getvalue().decode(encoding)
    assert "\x1b" not in shown
    assert ("東京" if encoding == "utf-8" else "\\u6771\\u4eac") in shown


def test_a_closed_pipe_is_a_refusal_and_not_a_crash() -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdin is not None
    assert "EARLY WARNING" in process.stdout.readline()
    assert process.stderr.readline() == "sent\n"
    process.stdout.close()
    process.stdin.write("\n\n\n")
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0, said
    assert said.splitlines() == ["refused: stdout: [Errno 32] Broken pipe"] * 2


def test_a_full_disk_is_tried_again() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("/dev/full is not there")
    with open("/dev/full", "wb") as full:
        program = PROGRAM.replace("NotifyError", "RetryLater") + "import os; os._exit(0)"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.stderr.splitlines() == ["refused: stdout: No space left on device"] * 3


def test_a_closed_stdout_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stdout", gone)
    notifier = out()
    for _ in range(2):
        with pytest.raises(NotifyError, match="closed file"):
            notifier.send(message("opened", warning()), "k", OPENED_S)
