"""What the operator's own tests and the end-to-end tests stand on.

The operator as a process, a model to apply and follow, kubectl as a person uses it. Each test has a namespace
and an operator of its own.
"""
