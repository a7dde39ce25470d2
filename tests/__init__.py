"""Everything that holds Serin to its promises; nothing here is imported by it.

`unit`, `component` and `contract` name what they need: nothing, fakes of the world, a real server. `operator`
and `e2e` run the operator itself, `e2e` with pods, a gateway, Prometheus and traffic, all from `cluster`.
"""

from pathlib import Path

import pytest

# Pytest tells what a failed assertion met only of modules that were named to it before their import.
pytest.register_assert_rewrite(
    *(f"{__name__}.{part.name}" for part in Path(__file__).parent.iterdir() if part.is_dir())
)
