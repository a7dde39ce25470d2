"""What the judge counts, held against what model servers wrote into their own logs.

Real processes under a real Prometheus: they are killed, replaced, stopped for some scrapes and scraped twice.
One play of half a minute has all of it, and the tests ask what was made of it.
"""
