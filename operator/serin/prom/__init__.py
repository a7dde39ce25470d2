"""Reading raw samples from Prometheus. What they mean is `domain.analysis`."""
