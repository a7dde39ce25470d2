"""A thousand rollouts whose truth is known, as recordings: made from a line each, judged, and compared with
rules of fixed thresholds on the very same samples.

What is drawn here is raw samples of pods, unlike in `simulation`, which draws counts: reading is judged too.
"""
