"""The identity of a revision: a hash over what the user asked for, not over what it was rendered to (I14).

Two spellings of one wish have one hash: a field that is left out equals the same field with its default, and
amounts are compared in one spelling. So the defaults of hashed fields are part of the API and never change
within a version; a golden file guards them.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from serin.api.model import Spec
from serin.api.podtemplate import with_plain_amounts, without_defaults
from serin.api.quantities import plain_resources
from serin.domain.intent import RevisionIntent
from serin.domain.names import RevisionHash

HASH_CHARACTERS = 10


def revision_of(spec: Spec, *, model_name: str, runtime: str) -> RevisionIntent:
    """The hashed part of a spec, names already resolved."""
    resources = spec.resources.model_dump(exclude_defaults=True)
    template = without_defaults(spec.template)
    digest = _digest(
        {
            "format": spec.model.format,
            "name": model_name,
            "uri": spec.model.uri,
            "runtime": runtime,
            "resources": plain_resources(resources),
            "template": with_plain_amounts(template),
        }
    )
    return RevisionIntent(
        hash=RevisionHash(digest[:HASH_CHARACTERS]),
        full_hash=digest,
        format=spec.model.format,
        model_name=model_name,
        uri=spec.model.uri,
        runtime=runtime,
        resources=resources,
        template=template,
    )


def _digest(asked: Mapping[str, Any]) -> str:
    given = {key: value for key, value in asked.items() if value not in (None, {})}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
