"""The judge's arithmetic once more, one number at a time and by the book: an oracle, not an example."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

Counts = tuple[float, float, float, float]
"""n_c, e_c, n_s, e_s"""

ALPHA_P = 0.05


def multiples(first: float, last: float, count: int) -> list[float]:
    return [first * (last / first) ** (k / (count - 1)) for k in range(count)]


def relative(counts: Counts, theta: float, rho: float) -> float:
    n_c, e_c, n_s, e_s = counts
    if n_c == 0 or n_s == 0:
        return 0.0
    return e_c * log(theta / rho) - (e_c + e_s) * log((n_c * theta + n_s) / (n_c * rho + n_s))


def absolute(counts: Counts, odds: float, mu_s: float, delta: float) -> float:
    n_c, e_c, n_s, e_s = counts
    if n_c == 0 or n_s == 0:
        return 0.0
    mu_c = mu_s + delta
    theta = odds * mu_c / (1 - mu_c) / (1 + odds * mu_c / (1 - mu_c))
    stake = (theta - mu_c) / (mu_c * (1 - mu_c))
    if odds > 1:
        stake = min(stake, 0.999 * (n_s / n_c) / (1 - mu_s))
    else:
        stake = max(stake, -0.999 * (n_s / n_c) / mu_s)
    other = stake * n_c / n_s
    good_c, good_s = n_c - e_c, n_s - e_s
    value = e_c * log(1 + stake * (1 - mu_c)) + good_c * log(1 - stake * mu_c)
    return value + e_s * log(1 - other * (1 - mu_s)) + good_s * log(1 + other * mu_s)


def guess(bad: float, requests: float, delta: float) -> float:
    return min(max((bad + 0.05) / (requests + 100), 1e-6), 1 - delta - 1e-3)


@dataclass
class Mixture:
    """Capital on each alternative and on each minute of onset, summed anew at each look."""

    alternatives: int
    minutes: float = 0.0
    sums: list[list[float]] | None = None
    before: float = 0.0
    value: float = 0.0

    def see(self, factors: Sequence[float], elapsed: float) -> None:
        """One list of sums per onset: at once, and each minute so far."""
        due = min(int(elapsed / 60 + 1e-9), 239)
        sums = self.sums or [[0.0] * self.alternatives]
        sums += [[0.0] * self.alternatives for _ in range(due + 1 - len(sums))]
        self.sums = [[s + f for s, f in zip(row, factors, strict=True)] for row in sums]
        capital = (239 - due) * 0.5 / 239
        for onset, row in enumerate(self.sums):
            weight = (0.5 / 239 if onset else 0.5) / self.alternatives
            capital += sum(weight * exp(s) for s in row)
        self.value += min(log(capital) - self.before, log(20))
        self.before = log(capital)


def evidence(
    intervals: Sequence[Counts], *, past: tuple[float, float], rho: Sequence[float], phi: float
) -> tuple[float, float]:
    """The logarithms of harm and of safety under the default margins, intervals 15 s apart."""
    requests, bad = past
    usual = guess(bad, requests, 0.0)
    common, frequent = usual > 0.2, usual > 0.05
    delta, delta_p = 0.05 if common else 0.001, 0.05 if frequent else 0.01
    by_ratio, by_points = Mixture(24), Mixture(24)
    safe = [-log(32)] * 32 if not frequent else [-log(16)] * 16
    for place, (counts, margin) in enumerate(zip(intervals, rho, strict=True)):
        steps, odds = multiples(1.25, 1000, 24), multiples(1.1, 1000, 24)
        by_ratio.see([relative(counts, margin * g, margin) / phi for g in steps], 15.0 * place)
        mu = guess(bad, requests, delta)
        by_points.see([absolute(counts, g, mu, delta) / phi for g in odds], 15.0 * place)
        mu = guess(bad, requests, delta_p)
        below = [absolute(counts, g, mu, delta_p) / phi for g in multiples(1e-3, 1 / 1.1, 16)]
        if not frequent:
            below = [relative(counts, 2 * g, 2) / phi for g in multiples(0.05, 0.8, 16)] + below
        safe = [s + f for s, f in zip(safe, below, strict=True)]
        excess = max(0.0, log(sum(map(exp, safe))) + 2 * log(ALPHA_P))
        safe = [s - excess for s in safe]
        requests, bad = requests + counts[2], bad + counts[3]
    harm = by_points.value if common else min(by_ratio.value, by_points.value)
    return harm, log(sum(map(exp, safe)))
