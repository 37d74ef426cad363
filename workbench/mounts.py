"""What file system a folder stands on, as far as Linux tells; of other platforms nothing is known.

Format: proc(5), mountinfo.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")
# Other machines' disks, and those that a host lends to its guests.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|davfs\d?|virtiofs|vboxsf|prl_fs|drvfs"
    r"|fuse\.(sshfs|rclone|davfs\d?|ceph|ceph-fuse|glusterfs|s3fs|smbnetfs|vmhgfs-fuse)"
)
_FUSE = re.compile(r"fuse(\..*|blk)?")
# Point and type.
Mount = tuple[str, str]


def read_mounts(table: Path = TABLE) -> list[Mount]:
    """All mounts, the innermost first, and of those on one point the one that is seen; none where nothing tells."""
    try:
        text = os.fsdecode(table.read_bytes())
    except OSError:
        return []
    found = []
    # Not splitlines: a point may hold characters that it takes for an end, only the true ones are escaped.
    for line in text.split("\n"):
        fields, _, rest = line.partition(" - ")
        parts, kinds = fields.split(" "), rest.split()
        if len(parts) > 4 and kinds:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), parts[4])
            found.append((point, kinds[0]))
    # Of two on one point the later covers the earlier.
    return sorted(found, key=lambda item: len(item[0]))[::-1]


def file_system(path: str | os.PathLike[str], mounts: Sequence[Mount]) -> str:
    """The type of the file system that ``path`` stands on; empty when nothing says so."""
    place = os.path.realpath(path)
    for point, kind in mounts:
        if place == point or place.startswith(point.rstrip("/") + "/"):
            return kind
    return ""


def is_network(kind: str) -> bool:
    """Whether other machines may write there as well, without the locks and shared memory of this one."""
    return _NETWORK.fullmatch(kind) is not None


def tells_of_changes(kind: str) -> bool:
    """Whether this machine learns of every change: not of those made behind a server, or by a program (FUSE)."""
    return not is_network(kind) and _FUSE.fullmatch(kind) is None
