"""A pod's volumes as folders of the machine, and which of them a container sees where."""

from pathlib import Path
from typing import Any

from tests.cluster.api import Api
from tests.cluster.environment import (
    Unresolved,
    content,
    expanded,
    field_value,
    resource_value,
)
from tests.cluster.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, Object

FILE_MODE = 0o644


async def make_volumes(api: Api, pod: Object, folder: Path, claims: Path) -> dict[str, Path]:
    """Fill a folder for each volume of a pod; returns them by name. Raises Unresolved.

    PersistentVolumeClaims share one folder each below `claims`, so their content outlives the pod.
    """
    made: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or []:
        name = volume["name"]
        if host := volume.get("hostPath"):
            made[name] = Path(host["path"])
        elif claim := volume.get("persistentVolumeClaim"):
            made[name] = claims / pod["metadata"]["namespace"] / claim["claimName"]
            made[name].mkdir(parents=True, exist_ok=True)
        else:
            made[name] = folder / name
            made[name].mkdir(parents=True, exist_ok=True)
            for path, data in (await _files(api, pod, volume)).items():
                _write(made[name] / path, data, volume)
    return made


def mounts(container: Object, volumes: dict[str, Path], values: dict[str, str]) -> list[dict[str, Any]]:
    """What `launch.py` binds for a container."""
    binds = []
    for mount in container.get("volumeMounts") or []:
        source = volumes[mount["name"]]
        if inner := mount.get("subPath") or expanded(mount.get("subPathExpr", ""), values):
            source = source / inner
            if not source.exists():
                source.mkdir(parents=True)
        target = "/" + mount["mountPath"].strip("/")
        binds.append({"source": str(source), "target": target, "readOnly": bool(mount.get("readOnly"))})
    return binds


async def _files(api: Api, pod: Object, source: Object) -> dict[str, bytes]:
    """The files a volume, or one source of a projected volume, consists of."""
    namespace = pod["metadata"]["namespace"]
    if "emptyDir" in source:
        return {}
    if (map_ := source.get("configMap")) is not None:
        return _chosen(await content(api, CONFIG_MAPS, map_, namespace), map_)
    if (secret := source.get("secret")) is not None:
        named = {"name": secret.get("secretName") or secret.get("name"), "optional": secret.get("optional")}
        return _chosen(await content(api, SECRETS, named, namespace), secret)
    if (downward := source.get("downwardAPI")) is not None:
        return {item["path"]: _downward(pod, item).encode() for item in downward.get("items") or []}
    if (token := source.get("serviceAccountToken")) is not None:
        return {token["path"]: (await _token(api, pod, token)).encode()}
    if (projected := source.get("projected")) is not None:
        parts = [await _files(api, pod, part) for part in projected["sources"]]
        return {path: data for part in parts for path, data in part.items()}
    raise Unresolved(
        f"volume {source.get('name', '')!r} of kind {sorted(source)} is not understood by this node"
    )


def _chosen(found: dict[str, bytes], reference: Object) -> dict[str, bytes]:
    items = reference.get("items")
    if not items:
        return found
    for item in items:
        if item["key"] not in found and not reference.get("optional"):
            raise Unresolved(f"references non-existent config key: {item['key']}")
    return {item["path"]: found[item["key"]] for item in items if item["key"] in found}


def _downward(pod: Object, item: Object) -> str:
    if reference := item.get("fieldRef"):
        return field_value(pod, reference["fieldPath"])
    reference = item["resourceFieldRef"]
    container = next(one for one in pod["spec"]["containers"] if one["name"] == reference["containerName"])
    return resource_value(container, reference)


async def _token(api: Api, pod: Object, wanted: Object) -> str:
    meta = pod["metadata"]
    request: Object = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "expirationSeconds": wanted.get("expirationSeconds", 3600),
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
        },
    }
    if audience := wanted.get("audience"):
        request["spec"]["audiences"] = [audience]
    account = pod["spec"].get("serviceAccountName", "default")
    path = SERVICE_ACCOUNTS.path(meta["namespace"], account, "token")
    token: str = (await api.request("POST", path, request))["status"]["token"]
    return token


def _write(path: Path, data: bytes, volume: Object) -> None:
    kinds = [volume.get(kind) or {} for kind in ("configMap", "secret", "projected", "downwardAPI")]
    mode = next((kind["defaultMode"] for kind in kinds if "defaultMode" in kind), FILE_MODE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
