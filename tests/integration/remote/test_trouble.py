"""Whatever becomes of a remote place and its files while they are synced, of whichever kind it is."""

from __future__ import annotations

from ..conftest import Installation, until
from .feeds import PATIENTS, configured, fill, polling
from .places import RemotePlace


def test_a_table_in_the_place_is_read(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    remote.put("meta.csv", b"name,age\n" + "".join(f"{patient},4\n" for patient in PATIENTS).encode())
    configured(site, remote)
    assert site.sync().exit_code == 0
    assert {unit["meta"].get("age") for unit in site.server.units(site.collection)} <= {4, "4"}
    assert set(site.units()) == set(PATIENTS)


def test_what_is_deleted_is_gone_and_what_is_back_is_as_if_never_gone(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    configured(site, remote)
    site.sync()
    remote.delete("p1/image.png")
    assert site.sync().counts["gone"] == 1
    assert site.files()["p1/image.png"][0] == "gone"
    remote.put("p1/image.png", b"image of p1")
    assert site.sync().exit_code == 0
    assert len(site.units()) == len(PATIENTS)


def test_a_place_that_was_removed_and_made_again_takes_nothing_away(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    configured(site, remote)
    site.sync()
    remote.remove()
    assert remote.url in site.sync().stdout
    remote.make()
    assert "where 24 files were known" in site.sync().stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    fill(remote)
    assert site.sync().exit_code == 0
    assert len(site.units()) == len(PATIENTS)


def test_the_daemon_polls_it(site: Installation, remote: RemotePlace) -> None:
    configured(site, remote, feed='poll_every = "1s"\nwait_optional = "0s"')
    with polling(site):
        fill(remote)
        until(lambda: len(site.server.units(site.collection)) == len(PATIENTS), "the place's units are there")
