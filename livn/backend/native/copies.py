"""Copies of a network on the native engine: in groups that fill vectors and fit into a cache."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Changes, Probe, check_finite
from livn.backend.copies import Copies, CopiesOutput, PopulationValues
from livn.backend.native.culture import Culture
from livn.backend.native.numbers import gather_numbers
from livn.backend.network import Network
from livn.errors import Diverged

_GROUP = 2048  # cells advanced together: their states, some 200 bytes each, fit into a L2 cache


class NativeCopies(Copies):
    """Copies of a network in groups; a group takes all its steps at once, on one thread."""

    def __init__(
        self,
        network: Network,
        dt: float,
        seeds: Sequence[int],
        values: Sequence[PopulationValues],
        increments: Sequence[Mapping[str, float]],
        precision: str,
        threads: int,
    ):
        self.network, self.dt = network, dt
        n = len(seeds)
        n_groups = min(n, max(threads, -(-n * network.n_cells // _GROUP)))
        bounds = [n * k // n_groups for k in range(n_groups + 1)]
        self._spans = list(pairwise(bounds))
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._groups = [
            Culture(
                network, b - a, dt, gather_numbers(network, dt, values[a:b], increments[a:b]),
                seeds[a:b], precision, 1,
            )
            for a, b in self._spans
        ]  # fmt: skip

    @property
    def steps(self) -> list[int]:  # type: ignore[override]
        """Steps taken by each copy."""
        return [step for group in self._groups for step in group.steps]

    @property
    def streams(self) -> list[int]:
        """Streams of each copy."""
        return [stream for group in self._groups for stream in group.streams]

    @streams.setter
    def streams(self, streams: list[int]) -> None:
        for group, (a, b) in zip(self._groups, self._spans, strict=True):
            group.streams = streams[a:b]
            group.rekey()

    def load(
        self, values: Sequence[PopulationValues], increments: Sequence[Mapping[str, float]]
    ) -> None:
        """Take parameter values and weights of every copy."""
        for group, (a, b) in zip(self._groups, self._spans, strict=True):
            numbers = (values[a:b], increments[a:b])
            group.load(gather_numbers(self.network, self.dt, *numbers, group.loaded))

    def advance(
        self, n_steps: int, inputs: Mapping[str, Changes], probes: Sequence[Probe]
    ) -> CopiesOutput:
        """Simulate `n_steps` of every copy."""

        def one(group: Culture, span: tuple[int, int]) -> Any:
            return group.advance(n_steps, _part(inputs, *span), probes)

        if self._pool is None:
            found = [one(g, s) for g, s in zip(self._groups, self._spans, strict=True)]
        else:
            found = list(self._pool.map(one, self._groups, self._spans))
        copies, gids, steps = [], [], []
        for (first, _), (copy, gid, step, _) in zip(self._spans, found, strict=True):
            order = np.argsort(copy, kind="stable")
            copies.append(copy[order] + first)
            gids.append(gid[order])
            steps.append(step[order])
        series = [
            np.concatenate([
                f[3][k].reshape(b - a, -1, f[3][k].shape[1])
                for f, (a, b) in zip(found, self._spans, strict=True)
            ])
            for k in range(len(probes))
        ]  # fmt: skip
        return CopiesOutput(
            np.concatenate(copies), np.concatenate(gids), np.concatenate(steps), series,
            self._diverged(),
        )  # fmt: skip

    def _diverged(self) -> dict[int, Diverged]:
        found = {}
        for group, (first, _) in zip(self._groups, self._spans, strict=True):
            for copy in () if group.finite() else range(group.n_copies):
                try:
                    for name, voltages in group.voltages(copy).items():
                        t = group.steps[copy] * self.dt
                        check_finite(self.network.populations[name], voltages, t)
                except Diverged as error:
                    found[first + copy] = error
        return found

    def reset(self, copies: Sequence[int]) -> None:
        """Let some copies go back to step 0."""
        chosen = set(copies)
        for group, (a, b) in zip(self._groups, self._spans, strict=True):
            own = [k - a for k in range(a, b) if k in chosen]
            if own:
                group.reset(own)

    def snapshot(self, copy: int) -> Any:
        """Return what a `NativeEngine` in the state of a copy would."""
        group, own = self._find(copy)
        return group.snapshot(own)

    def restore(self, copy: int, snapshot: Any) -> None:
        """Let a copy continue from a snapshot."""
        group, own = self._find(copy)
        group.restore(own, snapshot)

    def _find(self, copy: int) -> tuple[Culture, int]:
        """Return the group of a copy, and its number there."""
        k = next(k for k, (_, end) in enumerate(self._spans) if copy < end)
        return self._groups[k], copy - self._spans[k][0]

    def close(self) -> None:
        """Drop all arrays and threads."""
        if self._pool is not None:
            self._pool.shutdown()
        for group in self._groups:
            group.close()
        self._groups = []


def _part(inputs: Mapping[str, Changes], first: int, last: int) -> dict[str, Changes]:
    """Return the input of copies [first, last), with the rows it needs."""
    found = {}
    for name, changes in inputs.items():
        mine = (changes.copies >= first) & (changes.copies < last)
        if not mine.any():
            continue
        which = changes.which[mine]
        loud = which[which > 0]
        low, high = (int(loud.min()), int(loud.max()) + 1) if len(loud) else (1, 1)
        found[name] = replace(
            changes,
            steps=changes.steps[mine],
            copies=changes.copies[mine] - first,
            which=np.where(which > 0, which - low + 1, 0),
            rows={v: _with_zero(rows, low, high) for v, rows in changes.rows.items()},
        )
    return found


def _with_zero(rows: NDArray[np.float64], low: int, high: int) -> NDArray[np.float64]:
    """Return rows [low, high) behind the row of zeros, which is the first."""
    return rows[:high] if low <= 1 else np.concatenate([rows[:1], rows[low:high]])
