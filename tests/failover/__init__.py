"""Two replicas of the operator, of which the one that acts is ended, killed, paused or cut off."""
