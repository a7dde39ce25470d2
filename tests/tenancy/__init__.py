"""Attacks of a tenant: somebody who may write ModelDeployments, Pods, Services and routes in one namespace.

Each test is named for what he must not gain, in another namespace or over the operator. `docs/security.md`
lists them by threat; what protects against one that is not here is the cluster's admin.
"""
