"""Pipe: decodings and other stages one after the other."""

from typing import Any, Protocol, runtime_checkable

from pydantic import PrivateAttr, field_validator

from livn.errors import InvalidValue
from livn.types import Decoding


@runtime_checkable
class Prepared(Protocol):
    """A stage that wants to see the Env before it runs."""

    def setup(self, env: Any) -> Any:
        """Ask the Env for recordings."""


@runtime_checkable
class Resettable(Protocol):
    """A stage that can start over."""

    def reset(self, **options: Any) -> Any:
        """Start over and return the first observation."""


class Pipe(Decoding):
    """Stages applied in order to what was recorded, each called as `stage(data, env)`.

    A stage that returns None leaves the data as they are; at the end a tuple of one is unwrapped.

    Attributes:
        stages: decodings or any other callables of (data, env).
    """

    stages: list[Any]

    _context: dict[str, Any] = PrivateAttr(default_factory=dict)
    _state: dict[str, Any] = PrivateAttr(default_factory=dict)

    @field_validator("stages")
    @classmethod
    def _all_callable(cls, stages: list[Any]) -> list[Any]:
        wrong = [stage for stage in stages if not callable(stage)]
        if wrong:
            raise InvalidValue(f"stages cannot be called: got {wrong!r}; need stage(data, env).")
        return stages

    @property
    def context(self) -> dict[str, Any]:
        """What stages tell each other within one call; empty at the start of each."""
        return self._context

    @property
    def state(self) -> dict[str, Any]:
        """What stages keep from call to call, until `clear`."""
        return self._state

    def setup(self, env: Any) -> None:
        """Let every stage ask the Env for the recordings it needs."""
        for stage in self.stages:
            if isinstance(stage, Prepared):
                stage.setup(env)

    def __call__(self, run: Any, env: Any) -> Any:
        """Return what the last stage makes of it.

        Args:
            run: what the first stage gets, such as the Run.
            env: what every stage gets besides.
        """
        self._context.clear()
        data = run
        for stage in self.stages:
            found = stage(data, env)
            data = data if found is None else found
        return data[0] if isinstance(data, tuple) and len(data) == 1 else data

    def clear(self) -> None:
        """Forget the state."""
        self._state.clear()

    def reset(self, **options: Any) -> Any:
        """Return what the first stage that can be reset makes of it; None if there is none."""
        for stage in self.stages:
            if isinstance(stage, Resettable):
                return stage.reset(**options)
        return None

    def get_stage(self, which: type | str) -> Any:
        """Return the first stage whose class has this name; None if there is none.

        Args:
            which: a class, or its name.
        """
        name = which if isinstance(which, str) else which.__name__
        return next((s for s in self.stages if type(s).__name__ == name), None)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = {**state["__pydantic_private__"], "_context": {}, "_state": {}}
        return {**state, "__pydantic_private__": private}

    def __repr__(self) -> str:
        return f"Pipe([{', '.join(map(repr, self.stages))}])"

    __str__ = __repr__
