"""A network of the cluster's own, into which the calling process moves.

Control plane, pods, gateway, Prometheus and tests share one network namespace with a bridge; each pod has a
namespace of its own, joined to the bridge. So nothing clashes with the machine's ports, several clusters run
at once, no packet leaves, and all is gone with the last process. As root a network namespace is enough;
others get a user namespace too.
"""

import asyncio
import ctypes
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.cluster.binaries import Missing

BRIDGE: Final = "serin0"
GATEWAY: Final = "10.244.0.1"
"""The bridge's address: control plane, gateway and Prometheus listen there, and pods reach them there."""
PREFIX: Final = "10.244"
NETMASK_BITS: Final = 16
PORTS: Final = range(10000, 30000)
"""Below those that Linux gives to connections, and to who asks for any."""

CLONE_NEWNET: Final = 0x40000000
CLONE_NEWUSER: Final = 0x10000000

_state = {"entered": False}


def require() -> None:
    """Raise Missing unless this machine can give a process its own network."""
    if not sys.platform.startswith("linux"):
        raise Missing(
            f"the test cluster needs Linux, and this is {sys.platform}: use --kube-context NAME instead"
        )
    if shutil.which("ip") is None:
        raise Missing("the program `ip` is missing: run `apt-get install iproute2`")


def entered() -> bool:
    """Whether this process has moved already."""
    return _state["entered"]


def enter() -> None:
    """Move the calling process into a new network with the bridge up; later calls do nothing.

    To be called before any thread is started: threads that exist stay behind, and a process that has some
    cannot get a user namespace at all. Sockets that are open keep working where they were opened.
    """
    if entered():
        return
    require()
    _unshare()
    _state["entered"] = True
    commands = f"""
        link set lo up
        link add {BRIDGE} type bridge
        addr add {GATEWAY}/{NETMASK_BITS} dev {BRIDGE}
        link set {BRIDGE} up
    """
    ip(commands)


def ip(commands: str) -> None:
    """Run iproute2 commands, one a line, in one go."""
    lines = "\n".join(line.strip() for line in commands.strip().splitlines())
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True, capture_output=True)


def free_port(host: str = GATEWAY) -> int:
    """A port that nobody listens on, and that nobody else gets: who is to listen may start much later.

    None that the kernel gives to connections, and none that this process has been given lately. Processes in
    one network begin at different places.
    """
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port
    raise AssertionError("the ports have no end")


def _rotated() -> Iterator[int]:
    start = random.randrange(len(PORTS))
    return itertools.cycle([*PORTS[start:], *PORTS[:start]])


_ports: Final = _rotated()


def _unshare() -> None:
    if _system("unshare", CLONE_NEWNET) == 0:
        return
    user, group = os.getuid(), os.getgid()
    if code := _system("unshare", CLONE_NEWUSER | CLONE_NEWNET):
        threads = len(os.listdir("/proc/self/task"))
        alone = "" if threads == 1 else f" (this process has {threads} threads, and may have one)"
        raise Missing(
            f"a network namespace was refused: {os.strerror(code)}{alone}. Run as root; or allow user "
            "namespaces: "
            "`sysctl -w user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0`; "
            "or start the container with "
            "`--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined`"
        )
    # The kernel accepts a group map of an ordinary user only once setgroups is given up.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _system(name: str, *arguments: int) -> int:
    """Call a C function that returns 0 or sets errno; returns errno. Python 3.11 has no os.unshare."""
    library = ctypes.CDLL(None, use_errno=True)
    return 0 if getattr(library, name)(*arguments) == 0 else ctypes.get_errno()


async def pod_network(address: str, link: str) -> int:
    """A new network on the bridge with one address: an open file, which keeps it until it is closed.

    `link` names the bridge's end, in up to 15 characters. There is no default route, so that a look-up of a
    name outside fails at once instead of hanging.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Future[int] = loop.create_future()

    def deliver(network: int) -> None:
        if made.cancelled():
            os.close(network)
        else:
            made.set_result(network)

    def refuse(error: Exception) -> None:
        if not made.cancelled():
            made.set_exception(error)

    def work() -> None:
        try:
            network = _pod_network(address, link)
        except (OSError, subprocess.CalledProcessError) as error:
            loop.call_soon_threadsafe(refuse, error)
        else:
            loop.call_soon_threadsafe(deliver, network)

    # A thread of its own, which then ends: nobody else must find himself in the network it moves to.
    threading.Thread(target=work, name=f"network {address}").start()
    return await made


def _pod_network(address: str, link: str) -> int:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if code := _system("unshare", CLONE_NEWNET):
            raise OSError(code, os.strerror(code))
        network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        ip(f"""
            link set lo up
            link add eth0 type veth peer name {link} netns {os.getpid()}
            addr add {address}/{NETMASK_BITS} dev eth0
            link set eth0 up
        """)
        _system("setns", home, CLONE_NEWNET)
        ip(f"link set {link} master {BRIDGE} up")
        return network
    finally:
        os.close(home)


class Door:
    """A port of the machine's 127.0.0.1 that leads into the cluster's network.

    Made before `enter`, while 127.0.0.1 is still the machine's; as a context manager, after it, it relays to
    a target inside.
    """

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._target = ("", 0)
        self._streams: set[asyncio.Task[None]] = set()

    def to(self, host: str, port: int) -> Self:
        self._target = (host, port)
        return self

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, sock=self._listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for stream in list(self._streams):
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(*self._target)
            both = [
                asyncio.create_task(_copy(reader, inner_writer)),
                asyncio.create_task(_copy(inner_reader, writer)),
            ]
            self._streams.update(both)
            await asyncio.wait(both)
            self._streams.difference_update(both)
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
