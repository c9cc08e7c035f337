"""Sets of channels, with the algebra of sets."""

from collections.abc import Iterable, Iterator, Set

from livn.errors import InvalidType, InvalidValue


class ChannelSet(Set[int]):
    """Some channels of an array; immutable.

    `a | b`, `a & b`, `a - b` and `a ^ b` are channel sets, `~a` is the other channels of the
    array; iteration ascends. A policy takes one as its `channels`.

    Args:
        channels: positions, 0 to n_channels - 1.
        n_channels: number of channels of the array.

    Raises:
        InvalidValue: if a channel is not on the array.
        InvalidType: if one is no integer.
    """

    def __init__(self, channels: Iterable[int], n_channels: int):
        given = set(channels)
        if not all(isinstance(c, int) and not isinstance(c, bool) for c in given):
            raise InvalidType(
                f"channels are no integers: got {given!r}; need positions.", got=given
            )
        wrong = sorted(c for c in given if not 0 <= c < n_channels)
        if wrong:
            raise InvalidValue(
                f"channels are not on the array: got {wrong}; need 0 to {n_channels - 1}.",
                got=wrong,
                allowed=range(n_channels),
            )
        self.n_channels = n_channels
        self._channels = frozenset(given)

    @classmethod
    def all(cls, n_channels: int) -> "ChannelSet":
        """Return every channel of an array."""
        return cls(range(n_channels), n_channels)

    def __contains__(self, channel: object) -> bool:
        return channel in self._channels

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._channels))

    def __len__(self) -> int:
        return len(self._channels)

    def __invert__(self) -> "ChannelSet":
        return ChannelSet(set(range(self.n_channels)) - self._channels, self.n_channels)

    def __hash__(self) -> int:
        return self._hash()

    def __repr__(self) -> str:
        return f"ChannelSet({list(self)}, n_channels={self.n_channels})"

    def _from_iterable(self, channels: Iterable[int]) -> "ChannelSet":  # type: ignore[override]
        return ChannelSet(channels, self.n_channels)
