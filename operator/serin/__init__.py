"""Serin: a Kubernetes operator that replaces one version of a model by the next, on evidence."""
