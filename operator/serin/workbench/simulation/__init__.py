"""Thousands of rollouts whose truth is known, judged at once by the operator's own judge.

Traffic and faults are drawn here; evidence is `domain.analysis`, the very same code, on arrays with one row
per rollout. Nothing here decides anything, and nothing that decides knows this package.
"""
