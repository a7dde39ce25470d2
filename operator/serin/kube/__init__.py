"""Talking to the API server: fenced server-side apply, status patches, Events. What to write is the domain's."""
