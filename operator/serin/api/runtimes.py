"""From the runtime that a person names, or the model's format, to a row of the catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serin.api.invalid import InvalidSpec, invalid
from serin.api.model import Spec
from serin.api.podtemplate import first_fault
from serin.catalogue.loader import Catalogue, builtin, with_rows_of
from serin.catalogue.rows import Runtime
from serin.domain.manifests import SERVER


def catalogue_in(folder: Path | None) -> Catalogue:
    """The rows that come with Serin, those of a folder among them.

    Raises:
        BadCatalogueError: A row cannot be used.
    """
    return with_rows_of(folder, fault=_fault) if folder is not None else builtin()


def _fault(template: Mapping[str, Any]) -> str | None:
    found = first_fault(template)
    return f"{found.path}: {found.need}" if found is not None else None


def runtime_of(spec: Spec, catalogue: Catalogue) -> Runtime | InvalidSpec:
    """The model server that is meant, which serves the model's format and has an image."""
    wanted = spec.model.format
    name = spec.runtime or catalogue.default_runtimes.get(wanted)
    if name is None:
        known = ", ".join(sorted(catalogue.default_runtimes))
        need = f"no runtime is known for it; need one of {known}, or set spec.runtime"
        return invalid("spec.model.format", need, found=wanted)
    if name not in catalogue.runtimes:
        return invalid("spec.runtime", f"need one of {', '.join(sorted(catalogue.runtimes))}", found=name)
    row = catalogue.runtime(name)
    if not row.serves(wanted):
        served = ", ".join(sorted(row.formats))
        need = f"runtime {name} serves {served}; need one of these, or another spec.runtime"
        return invalid("spec.model.format", need, found=wanted)
    if not _has_image(row.template) and not _has_image(spec.template):
        need = f"runtime {name} comes without an image; give the container {SERVER} one"
        return invalid("spec.template", need)
    return row


def _has_image(template: Any) -> bool:
    containers = (template.get("spec") or {}).get("containers") or ()
    return any(container.get("name") == SERVER and container.get("image") for container in containers)
