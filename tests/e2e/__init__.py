"""The whole of it: pods that answer, a gateway that divides, Prometheus that counts, users who ask once."""
