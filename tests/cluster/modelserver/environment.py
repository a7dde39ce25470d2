"""Builds MLServer's environment in the user's cache, once, and says where it is.

Its name has a hash of the lock file and the Python version, so that checkouts share it and a changed lock
makes a new one. Builders take turns on a file lock; a build that was cut short is begun again. What the
machine lacks is named with its cure: `Missing`.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.binaries import Missing, Say, cache_home
from tests.cluster.images import Image

IMAGE: Final = "docker.io/seldonio/mlserver:1.7.1-sklearn"
"""The public image this environment stands in for."""
LOCK: Final = Path(__file__).with_name("requirements.txt")
SERVE: Final = Path(__file__).with_name("serve.py")
OLDEST: Final = (3, 11)
"""Where the lock begins."""
NEWEST: Final = (3, 12)
"""Where MLServer 1.7 ends."""
OTHER_PYTHON: Final = ">=3.11,<3.13"


@dataclass(frozen=True, slots=True)
class Environment:
    """An installed MLServer."""

    root: Path

    @property
    def python(self) -> Path:
        """An interpreter that has scikit-learn."""
        return self.root / "bin" / "python"

    @property
    def mlserver(self) -> Path:
        """MLServer's command line."""
        return self.root / "bin" / "mlserver"

    @property
    def image(self) -> Image:
        """For the node's table, under `IMAGE`: as there, the models in /mnt/models are served."""
        # One thread a library: pods share this machine's cores, and the default is a thread per core each.
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return Image(arguments=(str(self.python), str(SERVE), "start", "/mnt/models"), environment=threads)


def ready(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Environment:
    """The environment, installed first if this machine has none: half a minute, 520 MB. Raises Missing."""
    python = _interpreter()
    root = cache_home() / f"mlserver-{_key(python)}"
    complete = root / "complete"
    if not complete.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with _alone(root.with_suffix(".lock"), say):
            if not complete.exists():
                say(f"installing MLServer into {root} (half a minute the first time)")
                shutil.rmtree(root, ignore_errors=True)
                _install(root, python)
                complete.touch()
    return Environment(root)


def _install(root: Path, python: str) -> None:
    _run([_uv(), "venv", "--quiet", "--python", python, str(root)])
    into = str(root / "bin" / "python")
    # Bytecode now, or the first pods would make it while they start: 6 s of CPU each instead of 1.6.
    options = ["--quiet", "--require-hashes", "--compile-bytecode"]
    _run([_uv(), "pip", "sync", *options, "--python", into, str(LOCK)])


def _interpreter() -> str:
    """What to make the environment with: this interpreter where it suits, else one that uv finds."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    try:
        return _run([_uv(), "python", "find", OTHER_PYTHON]).strip()
    except Missing as nothing:
        here = ".".join(map(str, sys.version_info[:2]))
        raise Missing(
            f"MLServer 1.7 runs on Python 3.11 and 3.12, and this is {here}: run `uv python install 3.12`"
        ) from nothing


def _key(python: str) -> str:
    version = _run([python, "--version"])
    return hashlib.sha256(version.encode() + LOCK.read_bytes()).hexdigest()[:16]


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise Missing("uv is neither in the environment nor on PATH: run `make setup`")
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise Missing(f"`{' '.join(command[:3])} ...` ended with {done.returncode}:\n{tail}")
    return done.stdout


@contextmanager
def _alone(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is installing MLServer: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
