"""A culture as a Gymnasium environment: the action is the stimulus, the spikes the observation.

Needs `pip install 'livn[rl]'`; importing `livn` or `livn.env` does not import this.
"""

try:
    from livn.env.gymnasium.moment import GymnasiumSnapshot
    from livn.env.gymnasium.single import GymnasiumEnv
    from livn.env.gymnasium.stages import GymStep, ObsAugmentation
    from livn.env.gymnasium.turn import Hearing, Spikes
    from livn.env.gymnasium.vector import GymnasiumVectorEnv
except ModuleNotFoundError as error:
    raise ImportError(
        f"livn.env.gymnasium needs the package {error.name}: pip install 'livn[rl]'."
    ) from error

__all__ = [
    "GymStep",
    "GymnasiumEnv",
    "GymnasiumSnapshot",
    "GymnasiumVectorEnv",
    "ObsAugmentation",
    "Hearing",
    "Spikes",
]
