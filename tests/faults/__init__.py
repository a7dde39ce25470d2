"""Faults between the operator and the API server, and plans of them made from what runs without any showed.

`proxy` stands between one operator and the server, `acts` are what it can do wrong, `trace` is what it saw.
Nothing here knows what the operator is: a plan's oracle looks at the cluster.
"""
