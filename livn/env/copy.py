"""One copy of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livn.env.snapshot import Snapshot

if TYPE_CHECKING:
    from livn.env.batch import EnvBatch


@dataclass(frozen=True)
class Copy:
    """Copy `k` of a batch, by itself; it runs with the others, by `batch.run`."""

    batch: "EnvBatch"
    k: int

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self.batch.seeds[self.k]

    @property
    def stream(self) -> int:
        """Stream of the noise."""
        return self.batch.streams[self.k]

    @property
    def t(self) -> float:
        """Time since the start, ms."""
        return float(self.batch.t[self.k])

    def params(self) -> dict[str, Any]:
        """Return every parameter in force by the key that sets it."""
        return self.batch.params(self.k)

    def set_params(self, params: Mapping[str, Any]) -> "EnvBatch":
        """Set parameters of this copy; returns the batch."""
        return self.batch.set_params(params, self.k)

    def clear(self, reseed: bool = False) -> "EnvBatch":
        """Let this copy go back to t = 0; returns the batch."""
        return self.batch.clear(self.k, reseed)

    def reseed_noise(self, stream: int) -> "EnvBatch":
        """Move this copy to another realisation of the noise; returns the batch."""
        return self.batch.reseed_noise([stream], self.k)

    def snapshot(self) -> Snapshot:
        """Return the state of this copy; an Env like it continues from there as the copy does."""
        return self.batch.snapshot(self.k)[0]

    def restore(self, snapshot: Snapshot) -> "EnvBatch":
        """Let this copy continue from a snapshot of a copy or an Env; returns the batch."""
        return self.batch.restore(snapshot, self.k)
