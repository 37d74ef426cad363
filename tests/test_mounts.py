"""Which file system a folder stands on: the innermost mount, the last one on a point, points with odd names."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.mounts import Mount, file_system, is_network, read_mounts, tells_of_changes

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:41 / /mnt/box rw - nfs4 box:/home rw
31 22 0:42 / /mnt/my\040share rw - cifs //pc/share rw
32 30 0:43 / /mnt/box/local rw - tmpfs tmpfs rw
33 22 0:44 / /mnt/ssh rw - fuse.sshfs me@box: rw
34 22 0:45 / /mnt/host rw - 9p host rw
35 22 0:46 / /mnt/secret rw - fuse.gocryptfs crypt rw
36 22 0:47 / /mnt/twice rw - nfs box:/a rw
37 36 0:48 / /mnt/twice rw - xfs /dev/sdb1 rw
38 22 0:49 / /mnt/back\134slash rw - ceph box:/ rw
39 22 0:50 / /mnt/no\u2028end rw - lustre box:/ rw
broken line
""".replace("\\u2028", "\u2028")


@pytest.fixture
def mounts(tmp_path: Path) -> list[Mount]:
    table = tmp_path / "mountinfo"
    table.write_bytes(TABLE.encode() + b"40 22 0:51 / /mnt/\xff rw - afs box:/ rw\n")
    return read_mounts(table)


@pytest.mark.parametrize(
    ("place", "kind", "network", "tells"),
    [
        ("/home/me", "ext4", False, True),
        ("/mnt/box/home", "nfs4", True, False),
        ("/mnt/boxes", "ext4", False, True),
        ("/mnt/box/local/x", "tmpfs", False, True),
        ("/mnt/my share", "cifs", True, False),
        ("/mnt/ssh/a", "fuse.sshfs", True, False),
        ("/mnt/host", "9p", True, False),
        # Of this machine, but what its program does behind it is not told.
        ("/mnt/secret/x", "fuse.gocryptfs", False, False),
        ("/mnt/twice/x", "xfs", False, True),
        ("/mnt/back\\slash", "ceph", True, False),
        ("/mnt/no\u2028end", "lustre", True, False),
        ("/mnt/\udcff/x", "afs", True, False),
    ],
)
def test_the_innermost_and_last_mount_decides(
    mounts: list[Mount], place: str, kind: str, network: bool, tells: bool
) -> None:
    found = file_system(place, mounts)
    assert (found, is_network(found), tells_of_changes(found)) == (kind, network, tells)


def test_where_nothing_tells_a_folder_counts_as_local(tmp_path: Path) -> None:
    assert read_mounts(tmp_path / "nothing") == []
    assert file_system("/home", []) == ""
    assert not is_network("")
    assert tells_of_changes("")
