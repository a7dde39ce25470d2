"""Talking to the API server: fenced applies, status patches, Events. What to write is the domain's."""
