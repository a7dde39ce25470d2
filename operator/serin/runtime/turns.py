"""Turns: those who share something wait for each other, and for nobody else."""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """So many at once for each key. Nothing is kept of a key that nobody waits for or holds."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._known: WeakValueDictionary[K, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, key: K) -> asyncio.Semaphore:
        """What all of that key share, as long as one of them has it."""
        turns = self._known.get(key) or asyncio.Semaphore(self._at_once)
        self._known[key] = turns
        return turns
