"""Become another program, inside the namespaces and mounts that a specification asks for.

Run as a script with a bare interpreter (`python -I -S launch.py SPECIFICATION`), between a fork and the
program, so that the process which asks needs no code after fork. It dies with its parent. Exits with 128 when
it cannot start the program, as container runtimes do. Mounts are made in a private mount namespace: where a
mount point does not exist, its parent folder is first replaced by a private copy of its listing, so the
machine's file system is never touched.
"""

import ctypes
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
KEPT_FLAGS = 0x2 | 0x4 | 0x8
"""nosuid, nodev, noexec: a remount in a user namespace has to repeat those the mount has."""
PR_SET_PDEATHSIG = 1
CANNOT_START = 128

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    call("mount", *encoded, ctypes.c_ulong(flags), None)


class Root:
    """The file system one container sees: the machine's, with volumes mounted over it."""

    def __init__(self, stage: str) -> None:
        call("unshare", CLONE_NEWNS | CLONE_NEWUTS)
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        mount("tmpfs", stage, "tmpfs", 0)
        self.stage = os.open(stage, os.O_PATH)
        self.private: set[str] = set()
        self.shadows = 0

    def bind(self, source: int, target: str, *, read_only: bool) -> None:
        folder = stat.S_ISDIR(os.fstat(source).st_mode)
        self.make(target, folder=folder)
        mount(f"/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)
        self.private.add(target)
        if read_only:
            kept = os.statvfs(target).f_flag & KEPT_FLAGS
            mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)

    def make(self, target: str, *, folder: bool) -> None:
        """Make a mount point, in private copies of folders only."""
        path = "/"
        parts = [part for part in target.split("/") if part]
        for number, part in enumerate(parts):
            parent, path = path, os.path.join(path, part)
            if os.path.lexists(path):
                continue
            if not any(parent == own or parent.startswith(own.rstrip("/") + "/") for own in self.private):
                self.shadow(parent)
            if folder or number < len(parts) - 1:
                os.mkdir(path)
            else:
                Path(path).touch()

    def shadow(self, folder: str) -> None:
        self.shadows += 1
        copy = f"/proc/self/fd/{self.stage}/{self.shadows}"
        os.mkdir(copy)
        for entry in os.scandir(folder):
            twin = os.path.join(copy, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), twin)
                continue
            if entry.is_dir():
                os.mkdir(twin)
            else:
                Path(twin).touch()
            mount(entry.path, twin, None, MS_BIND | MS_REC)
        if folder == "/":
            os.chroot(copy)
            os.chdir("/")
        else:
            mount(copy, folder, None, MS_BIND | MS_REC)
        self.private.add(folder)


def build_root(specification: dict[str, Any], folder: str) -> None:
    root = Root(specification["stage"])
    # All sources are opened before the first mount: a volume at /tmp would hide the next one's files.
    binds = [(os.open(bind["source"], os.O_PATH), bind) for bind in specification["binds"]]
    for source, bind in sorted(binds, key=lambda pair: pair[1]["target"].count("/")):
        root.bind(source, bind["target"], read_only=bind["readOnly"])
    for source, _ in binds:
        os.close(source)
    root.make(folder, folder=True)
    name = specification["hostname"].encode()
    call("sethostname", name, len(name))


def join(pid: int) -> None:
    """Enter what another process sees: for probes and hooks that run in a container."""
    root = os.open(f"/proc/{pid}/root", os.O_PATH)
    kinds = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("net", "uts", "mnt")]
    for kind in kinds:
        call("setns", kind, 0)
        os.close(kind)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)


def main() -> None:
    specification = json.loads(sys.argv[1])
    os.set_inheritable(specification["report"], False)
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != specification["parent"]:
        sys.exit(CANNOT_START)
    try:
        if (network := specification.get("network")) is not None:
            call("setns", network, CLONE_NEWNET)
            os.close(network)
        if pid := specification.get("join"):
            join(pid)
        if root := specification.get("root"):
            build_root(root, specification["folder"])
        if folder := specification.get("folder"):
            os.chdir(folder)
        command = specification["command"]
        os.execvp(command[0], command)  # noqa: S606 - what this script is for
    except OSError as error:
        os.write(specification["report"], f"cannot start {specification['command'][0]!r}: {error}".encode())
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main()
