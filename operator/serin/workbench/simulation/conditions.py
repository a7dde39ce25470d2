"""What disturbs a healthy rollout in a real cluster, each as a departure from calm, independent traffic."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A stretch at a random time in which every pod answers with this bad share."""

    share: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How the world departs from calm; times are in seconds.

    Attributes:
        incident: What befalls both arms alike.
        cluster: Bad requests come so many at a time.
        minute_spread: Standard deviation of the logarithm of each pod's bad share from minute to minute.
        pod_spread: The same from pod to pod, for good.
        missing: Share of scrapes that fail, each by itself.
        restarts_every: Each pod's process restarts so often and loses what was not scraped.
        outage: No scrape of anything for so long, at a random time.
        idle: No request for so long, at a random time.
        cold: The canary's first so many seconds are at `cold_share`.
        warming: Each new pod's bad share falls from five times the usual to the usual over so long.
    """

    incident: Incident | None = None
    cluster: int = 1
    minute_spread: float = 0.0
    pod_spread: float = 0.0
    missing: float = 0.0
    restarts_every: float | None = None
    outage: float = 0.0
    idle: float = 0.0
    cold: float = 0.0
    cold_share: float = 0.05
    warming: float = 0.0


CALM: Final = Condition()

CONDITIONS: Final = {
    "calm": CALM,
    "incident": Condition(incident=Incident(share=0.1, seconds=180)),
    "short-incident": Condition(incident=Incident(share=0.5, seconds=60)),
    "clusters": Condition(cluster=5),
    "noisy-pods": Condition(minute_spread=0.5),
    "unequal-pods": Condition(pod_spread=0.3),
    "missing-scrapes": Condition(missing=0.2, restarts_every=600),
    "outage": Condition(outage=600),
    "idle": Condition(idle=600),
    "cold-start": Condition(cold=90),
    "warming": Condition(warming=600),
}
"""Conditions by the name that the command line gives them."""

WORDS: Final = {
    "calm": "independent requests",
    "incident": "shared incident, 10 % bad for 3 min",
    "short-incident": "shared incident, 50 % bad for 1 min",
    "clusters": "bad requests in clusters of 5",
    "noisy-pods": "each pod's share varies by the minute, sd 0.5",
    "unequal-pods": "each pod's share differs for good, sd 0.3",
    "missing-scrapes": "20 % of scrapes missing, restarts every 10 min",
    "outage": "Prometheus away for 10 min",
    "idle": "no traffic for 10 min",
    "cold-start": "cold start, 5 % bad for 90 s",
    "warming": "caches warming for 10 min, from five times",
}
"""The same for tables."""
