"""Exhaustive search of a world small enough to enumerate: three revisions, two steps, two replicas.

The pure core (`advance`, `plan`, `recovered`) runs as it is; the API server, controllers, people and faults
are a model in plain Python. Nothing here waits, has a clock or rolls a die. `python -m tests.search` runs it.
"""
