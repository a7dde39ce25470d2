"""The judge without a cluster: on recorded samples, and on simulated traffic."""
