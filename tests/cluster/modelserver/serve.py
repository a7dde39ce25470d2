"""MLServer, whose connections outlive a gateway's. Runs on MLServer's interpreter.

uvicorn closes a connection that was idle for 5 s, and a request that a gateway sends at that moment is lost.
Gateways therefore give up first; on a machine that stands still for a moment, they do not.
"""

from functools import partialmethod

import uvicorn
from mlserver.cli import main

KEPT_ALIVE_SECONDS = 60

if __name__ == "__main__":
    patient = partialmethod(uvicorn.Config.__init__, timeout_keep_alive=KEPT_ALIVE_SECONDS)
    uvicorn.Config.__init__ = patient
    main()
