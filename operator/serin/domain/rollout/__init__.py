"""The rollout state machine of `design.md` 5, as pure functions.

`machine.advance` is the way in: it decides what comes next, in the order of precedence. `gates` say what
stands between a step and the next, `states` and `interruptions` say where to, `rebuild` finds the state
again when the status was lost. Nothing here knows manifests or the API server.
"""
