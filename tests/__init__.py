"""Everything that holds Serin to its promises; nothing here is imported by it.

`unit`, `component` and `contract` name what they need: nothing, fakes of the world, a real server. `operator`
and `e2e` run the operator itself, `e2e` with pods, a gateway, Prometheus and traffic, all from `cluster`.
"""
