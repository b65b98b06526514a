"""What all tests share: a skip that CI forbids, and a temporary home so that nobody's real token or config is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

FORBID_SKIP = "SYNAPSE_SYNC_FORBID_SKIP"
FROM_OUTSIDE = (
    "credentials_directory", "state_directory", "requests_ca_bundle", "curl_ca_bundle",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where skipping is forbidden, a skipped test has failed: nothing passes silently."""
    report = yield
    if os.environ.get(FORBID_SKIP) and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipping is forbidden here ({FORBID_SKIP}): {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each reason for skipping once, loudly."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests: {reason}", yellow=True, bold=True)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, and no credentials from outside."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("SYNAPSE_", "XDG_")) and name != FORBID_SKIP:
            monkeypatch.delenv(name)
    for name in (*FROM_OUTSIDE, *map(str.upper, FROM_OUTSIDE)):
        monkeypatch.delenv(name, raising=False)
    return home
