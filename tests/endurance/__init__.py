"""What only time and numbers show: requests and streams over many rollouts, lost endpoints, chaos.

`python -m tests.endurance` runs it at length (`make traffic`, `make chaos`); the tests here ask the same code
for a small sample. `schedule` and `causes` are pure; the rest stands on one `ground`.
"""
