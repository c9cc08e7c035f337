"""livn: a testbed for learning to interact with in vitro neural networks.

>>> from livn import make
>>> env = make("EI1").record_spikes()
>>> run = env.run(100)

Importing livn imports no simulator; the names below are loaded when first used.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livn.env import Env as Env
    from livn.env import make as make
    from livn.io import MEA as MEA
    from livn.run import Run as Run
    from livn.stimulus import Stimulus as Stimulus
    from livn.system import System as System

    __version__: str

_ROOM_OF = {
    "make": "livn.env",
    "Env": "livn.env",
    "MEA": "livn.io",
    "Run": "livn.run",
    "Stimulus": "livn.stimulus",
    "System": "livn.system",
}

__all__ = ["MEA", "Env", "Run", "Stimulus", "System", "__version__", "get_version", "make"]


def get_version() -> str:
    """Return the version of the installed distribution, or "unknown" if there is none."""
    try:
        return version("livn")
    except PackageNotFoundError:
        return "unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return get_version()
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'livn' has no attribute {name!r}; public: {__all__}.")
    return getattr(import_module(_ROOM_OF[name]), name)


def __dir__() -> list[str]:
    return __all__


class _OnGymnasium:
    """A finder that lets livn register its tasks where gymnasium is imported after it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                import_module("livn.tasks")

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


# gym.make("livn:...") imports livn and then looks for the id.
if "gymnasium" in sys.modules:
    import_module("livn.tasks")
else:
    sys.meta_path.insert(0, _OnGymnasium())
