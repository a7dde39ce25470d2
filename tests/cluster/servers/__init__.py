"""Programs that run inside pods of the test cluster: each one file, started by its path."""
