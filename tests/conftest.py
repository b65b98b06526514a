"""What all tests share: which tests may skip, and a temporary home so that nobody's real token or config is read."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

MAY_SKIP = "SYNAPSE_SYNC_MAY_SKIP"  # a folder of tests; all where it is not set
SEED = "SYNAPSE_SYNC_FAULTS_SEED"  # of the samples that tests/faults takes (chosen.py there)
FROM_OUTSIDE = (
    "credentials_directory", "state_directory", "requests_ca_bundle", "curl_ca_bundle",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


def pytest_configure() -> None:
    """One seed for all processes of this run; no test fails for the time that it takes."""
    os.environ.setdefault(SEED, str(random.randrange(1_000_000)))
    settings.register_profile("tests", deadline=None)
    settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that skips where it may not has failed: nothing passes silently."""
    report = yield
    may_skip = os.environ.get(MAY_SKIP, "")
    if report.skipped and not hasattr(report, "wasxfail") and not item.nodeid.startswith(may_skip):
        report.outcome = "failed"
        report.longrepr = f"this may not skip here ({MAY_SKIP}={may_skip}): {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed, and each reason for skipping once, loudly."""
    terminalreporter.write_line(f"{SEED}={os.environ[SEED]}")
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests: {reason}", yellow=True, bold=True)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, and no credentials from outside."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("SYNAPSE_", "XDG_")) and name != MAY_SKIP:
            monkeypatch.delenv(name)
    for name in (*FROM_OUTSIDE, *map(str.upper, FROM_OUTSIDE)):
        monkeypatch.delenv(name, raising=False)
    return home
