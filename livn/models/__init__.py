"""What moves: published neuron models, each written once as data.

`MODELS` names them, `make_model("GLIF")` makes one with its defaults; nothing is imported before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from livn.errors import unknown_names

if TYPE_CHECKING:
    from livn.models.model import Model

__all__ = ["MODELS", "make_model"]

MODELS = {
    "GLIF": "livn.models.glif:GLIF",
    "HodgkinHuxley": "livn.models.hodgkin_huxley:HodgkinHuxley",
    "Izhikevich": "livn.models.izhikevich:Izhikevich",
    "LIF": "livn.models.lif:LIF",
    "PinskyRinzel": "livn.models.pinsky_rinzel:PinskyRinzel",
    "ReducedCalciumSomaDendrite": "livn.models.rcsd:ReducedCalciumSomaDendrite",
}


def make_model(name: str) -> "Model":
    """Return the model named in `MODELS`, with its defaults.

    Raises:
        UnknownName: for any other name, with the nearest ones.
    """
    if name not in MODELS:
        raise unknown_names("model", [name], MODELS)
    module, _, cls = MODELS[name].partition(":")
    made: Model = vars(import_module(module))[cls]()
    return made
