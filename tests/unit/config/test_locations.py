"""Where the ledger is unless the config says so: it follows the config file."""

from __future__ import annotations

from pathlib import Path

from synapse_sync.config import Config, ledger_path


def config(source: str, **ledger: str) -> Config:
    return Config.model_validate({"ledger": ledger}).loaded_from(Path(source), ())


def test_a_config_below_etc_has_the_systems_ledger() -> None:
    source = "/etc/synapse-sync/config.toml"
    assert ledger_path(config(source), {"HOME": "/root"}) == Path("/var/lib/synapse-sync/ledger.db")
    service = {"STATE_DIRECTORY": "/var/lib/private/synapse-sync:/var/lib/other"}
    assert ledger_path(config(source), service) == Path("/var/lib/private/synapse-sync/ledger.db")


def test_any_other_config_has_a_ledger_of_its_own() -> None:
    environ = {"HOME": "/home/anna", "STATE_DIRECTORY": "/ignored"}
    one = ledger_path(config("/home/anna/scans.toml"), environ)
    assert one.parent == Path("/home/anna/.local/state/synapse-sync")
    assert one.name.startswith("scans-")
    assert one.suffix == ".db"
    assert ledger_path(config("/home/anna/scans.toml"), environ) == one
    assert ledger_path(config("/home/anna/below/scans.toml"), environ) != one


def test_a_config_behind_a_link_has_the_same_ledger(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/scans.toml").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    environ = {"HOME": "/home/anna"}
    assert ledger_path(config(f"{tmp_path}/link/scans.toml"), environ) == ledger_path(
        config(f"{tmp_path}/real/scans.toml"), environ
    )


def test_an_absolute_xdg_state_home_is_honoured_and_a_relative_one_is_not() -> None:
    place = config("/home/anna/scans.toml")
    environ = {"HOME": "/home/anna", "XDG_STATE_HOME": "/state"}
    assert ledger_path(place, environ).parent == Path("/state/synapse-sync")
    assert ledger_path(place, environ | {"XDG_STATE_HOME": "state"}).is_relative_to("/home/anna/.local/state")


def test_a_ledger_that_is_named_is_used() -> None:
    place = config("/etc/synapse-sync/config.toml", path="/data/ledger.db")
    assert ledger_path(place, {"STATE_DIRECTORY": "/var/lib/x"}) == Path("/data/ledger.db")


def test_the_instances_of_a_service_share_no_ledger() -> None:
    lab = config("/etc/synapse-sync/lab.toml")
    assert ledger_path(lab, {}) == Path("/var/lib/synapse-sync-lab/ledger.db")
    assert ledger_path(lab, {"STATE_DIRECTORY": "/var/lib/synapse-sync-lab"}) == ledger_path(lab, {})
