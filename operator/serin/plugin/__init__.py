"""`kubectl serin`: what a person sees of models and asks of rollouts, from a terminal or a pipeline.

Commands read objects, and what they say of them is made by pure functions of what was read: the views, the
orders, the plan. Nothing here decides about a rollout; orders are annotations, as `api.md` has them.
"""
