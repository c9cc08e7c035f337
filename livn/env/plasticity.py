"""What an Env says of plasticity as long as no backend has it."""

from collections.abc import Mapping
from typing import Any, NoReturn

from livn.errors import NotSupported


class Plasticity:
    """Changing weights; every method raises NotSupported."""

    backend: str

    def enable_plasticity(self, config: Mapping[str, Any] | None = None) -> NoReturn:
        """Raise NotSupported."""
        self._refuse("enable_plasticity")

    def disable_plasticity(self) -> NoReturn:
        """Raise NotSupported."""
        self._refuse("disable_plasticity")

    def record_weights(self, dt: float = 0.1) -> NoReturn:
        """Raise NotSupported."""
        self._refuse("record_weights")

    def get_weights(self) -> NoReturn:
        """Raise NotSupported."""
        self._refuse("get_weights")

    def normalize_weights(self, target: float | None = None) -> NoReturn:
        """Raise NotSupported."""
        self._refuse("normalize_weights")

    def _refuse(self, method: str) -> NoReturn:
        raise NotSupported(
            f"backend {self.backend!r} cannot run plasticity: got {method}; no backend can. "
            "Weights are set with env.set_weights."
        )
