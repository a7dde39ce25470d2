"""The parts that keep a process going: work queue, store, sweeper, poller, telemetry, settings."""
