"""What Serin costs, and how that grows: `python -m tests.bench`, or `make bench N=300`.

A real control plane whose pods are simulated, the operator as a process under its own account, and so many
ModelDeployments created, changed, left alone, kept over a restart, and deleted. Requests are counted by the
API server, CPU and memory by the kernel. `docs/performance.md` explains the figures.
"""
