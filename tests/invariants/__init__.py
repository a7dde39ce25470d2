"""The invariants I1 to I18 of the design, as far as they can be seen from outside the operator.

`world` keeps what is true as of each version of each object, `rules` say what may never be true, `watcher`
feeds them with every version on a real control plane. The first two are pure: a history made by hand, or by
an API server in memory, can be checked as well.
"""
