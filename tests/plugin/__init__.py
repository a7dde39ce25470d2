"""`kubectl serin` as people and pipelines use it.

The views are held to objects that were recorded from real rollouts (`recorded/`), the commands to a real
control plane, and the screens of `docs/kubectl.md` to what a real terminal shows.
"""
