"""The chart and what is generated from it: rendered in every way, and installed by the real Helm."""
