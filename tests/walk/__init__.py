"""What people and other programs do wrong, one thing at a time: specs, children, statuses, rights.

The schema walk takes every leaf of the CRD; misoperation and foreign hands run on the real control plane,
side by side; corrupt statuses, arbitrary specs and jumping clocks run in memory, in numbers that an
environment variable raises.
"""
