"""`python -m tests.cluster.modelserver`: install MLServer unless it is there, and print where it is."""

import sys

from tests.cluster.binaries import Missing
from tests.cluster.modelserver.environment import ready

if __name__ == "__main__":
    try:
        print(ready().root)
    except Missing as problem:
        sys.exit(str(problem))
