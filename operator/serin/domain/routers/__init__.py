"""Traffic routers: one file each, behind the protocol in `router`. They never know each other."""
