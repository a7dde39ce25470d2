"""A Kubernetes cluster on one machine: a real control plane, and pods that are processes.

A module per process, each an async context manager: ready when entered, gone when left. `cluster.Cluster`
composes them; `api.Api` is how tests speak to any API server. Knowledge of Serin's own resources belongs to
the tests that use the cluster, never here.
"""
