"""What is mounted where, from the text of /proc/self/mountinfo."""

from __future__ import annotations

import pytest

from synapse_sync.sources.mounts import Mount, mount_of, mounted, mounts_about, parse, tells

TABLE = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/my\040share rw - nfs4 nas:/export rw,vers=4.2
31 22 0:41 / /srv/data rw master:2 shared:3 - btrfs /dev/sdb rw
32 31 0:42 / /srv/data/inner rw - fuse.sshfs nas: rw
33 31 0:43 / /srv/data/inner rw - tmpfs tmpfs rw
a line that nobody understands
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/home", "ext4"),
        (b"/srv/my share/a", "nfs4"),
        (b"/srv/my share", "nfs4"),
        (b"/srv/my share2", "ext4"),
        (b"/srv/data/x", "btrfs"),
        (b"/srv/data/inner/x", "tmpfs"),
    ],
)
def test_a_path_lies_on_the_mount_with_the_longest_point_and_of_several_there_on_the_last(
    path: bytes, kind: str
) -> None:
    mount = mount_of(path, parse(TABLE))

    assert mount is not None
    assert mount.kind == kind


def test_what_concerns_a_folder_is_above_or_inside_it() -> None:
    points = [mount.point for mount in mounts_about(b"/srv/data", parse(TABLE))]

    assert points == [b"/", b"/srv/data", b"/srv/data/inner", b"/srv/data/inner"]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.rclone", "9p", "virtiofs", "fuseblk"])
def test_events_do_not_tell_of_what_others_write_to_a_shared_file_system(kind: str) -> None:
    assert not tells(Mount(b"/x", kind, "nas:", 1))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs"])
def test_events_tell_of_a_local_file_system(kind: str) -> None:
    assert tells(Mount(b"/x", kind, "/dev/sda1", 1))


def test_this_machine_has_a_root() -> None:
    assert mount_of(b"/", mounted()) is not None
