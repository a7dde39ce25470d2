"""Everything that is decided, and nothing that is done.

Pure: no I/O, no clock, no randomness; time and data come in as arguments. The state machine is `rollout`, the
objects it leads to are `plan` and `render`, what a person reads is `conditions`, the statistics are
`analysis`.
"""
