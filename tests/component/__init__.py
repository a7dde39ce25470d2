"""The reconciler against an API server in memory: whole rollouts in milliseconds, and a crash at every
call.
"""
