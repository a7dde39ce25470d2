"""The demo's objects: the three models as ConfigMaps, and the ModelDeployment that names one of them.

The ModelDeployment is `iris.yaml`, read and shown as a user would write it. A version changes two words of
it: the version and the ConfigMap. ConfigMaps are immutable, so that a name means one model for ever (I17).
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.cluster.processes import Program
from tests.cluster.resources import Object, Resource

MODEL_DEPLOYMENTS: Final = Resource("serin.dev/v1alpha1", "modeldeployments")
NAME: Final = "iris"
TRAIN: Final = Path(__file__).with_name("train.py")
MANIFEST: Final = Path(__file__).with_name("iris.yaml")
FIRST: Final = "1"
LARGEST_BYTES: Final = 900_000
"""What fits an object of the API with room for its envelope."""

Flower = list[float]
"""Four measures in centimetres."""


@dataclass(frozen=True, slots=True)
class Models:
    """What training left: a folder a version, and the flowers to ask about."""

    folder: Path

    @property
    def flowers(self) -> list[Flower]:
        found: list[Flower] = json.loads((self.folder / "rows.json").read_text())
        return found

    def config_map(self, version: str) -> Object:
        """A version as an immutable ConfigMap: what MLServer expects in /mnt/models."""
        folder = self.folder / version
        model = (folder / "model.joblib").read_bytes()
        if len(model) > LARGEST_BYTES:
            raise ValueError(f"version {version} has {len(model)} bytes, at most {LARGEST_BYTES} fit")
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{NAME}-{version}"},
            "immutable": True,
            "data": {"model-settings.json": (folder / "model-settings.json").read_text()},
            "binaryData": {"model.joblib": base64.b64encode(model).decode()},
        }


async def trained(python: Path, folder: Path) -> Models:
    """Train all versions on an interpreter that has scikit-learn."""
    program = Program("train", [python, TRAIN, folder], log=folder / "train.log")
    async with program:
        if await program.wait():
            raise RuntimeError(f"training ended with {program.exit_code}:\n{program.tail()}")
    return Models(folder)


def deployment(version: str, manifest: str) -> Object:
    """The ModelDeployment of a version."""
    body: Object = yaml.safe_load(worded(version, manifest))
    return body


def worded(version: str, manifest: str) -> str:
    """The manifest's text for a version."""
    return manifest.replace(f'version: "{FIRST}"', f'version: "{version}"').replace(
        f"{NAME}-{FIRST}", f"{NAME}-{version}"
    )
