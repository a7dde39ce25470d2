"""How many pods a share of traffic takes (I4)."""

from math import ceil


def routed_pods(weight: int, size: int) -> int:
    """Canary pods for a weight that a proxy enforces: the same share of the full size, at least one."""
    return min(size, max(1, ceil(size * weight / 100)))


def counted_pods(weight: int, size: int) -> int:
    """Canary pods beside `size` stable ones where the number of pods is the weight.

    c pods of c + size get c/(c + size) of the connections, so the largest c that does not exceed the weight
    is floor(w * size / (100 - w)). One pod is the least, even where it already exceeds the weight.
    """
    return max(1, weight * size // (100 - weight))


def achieved_weight(canary: int, stable: int) -> int:
    """The share that `canary` pods beside `stable` ones get, in percent."""
    return round(100 * canary / (canary + stable)) if canary else 0
