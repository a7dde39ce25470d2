"""MLServer from PyPI, in an environment of its own: on the test cluster it stands in for the public image.

Nothing here imports MLServer or scikit-learn; what needs them runs on this environment's interpreter.
"""
