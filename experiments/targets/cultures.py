"""The built-in targets: a culture left alone, one that is stimulated, and both."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from experiments.targets.goals import Goal
from experiments.targets.space import PROTOCOL
from experiments.targets.statistics import statistics
from experiments.targets.target import Range, Stage, Target, trains_of
from livn.run import Run
from livn.stimulus import Stimulus

REST, PULSES = "spontaneous", "stimulated"
RATE = "stimulated_rate"

# Goals of a culture left alone. The rates and the branching ratio are those livn's systems are
# tuned to (published livn: 3 Hz, 12 Hz, 1). Losses of rates are on a logarithmic scale, as rates
# of units are spread (0.1 to 5 Hz, CULTURES: HD-MEA literature).
SPONTANEOUS = (
    Goal("firing_rate", 2.4, 3.6, "Hz", target=3.0, floor=0.05,
         source="livn's EI systems, 3 Hz; 20 %, twice the spread over noise streams in 20 s"),
    Goal("branching_ratio", 0.9, 1.1, "1", target=1.0, undefined=0.0,
         source="Beggs & Plenz 2003, about 1; half of the 0.8 to 1.2 of published livn"),
    Goal("burst_rate", 1 / 60, 0.5, "1/s", floor=1e-3,
         source="1 to 20 network bursts a minute, extremes above 30 (Wagenaar et al. 2006)"),
    Goal("active_fraction", 0.5, None, "1",
         source="published livn, at least half; 40 to 90 % of electrodes in dense cultures"),
    Goal("synchrony", 0.02, 0.6, "1", undefined=0.0,
         source="correlation of counts, 0.1 to 0.6 in bursting cultures; published livn from 0.02"),
    Goal("isi_cv", 0.7, 4.0, "1", floor=0.05, undefined=0.05,
         source="0.7 to 1.5 between bursts, 1.5 to 4 of bursty trains"),
    Goal("max_rate", None, 50.0, "Hz", floor=0.05,
         source="published livn: no cell runs away"),
)  # fmt: skip

STIMULATED = (
    Goal(RATE, 9.6, 14.4, "Hz", target=12.0, floor=0.05,
         source="livn's EI systems, 12 Hz during stimulation; 20 % as of the rate at rest"),
)  # fmt: skip


class Spontaneous(Target):
    """A culture left alone: rate, branching ratio, bursts, synchrony, irregularity.

    Attributes:
        warm_up: not measured, ms; all cells start alike and fire together once.
        duration: measured, ms.
    """

    warm_up: float = Field(default=1000.0, gt=0)
    duration: float = Field(default=20000.0, gt=0)

    def own_goals(self) -> tuple[Goal, ...]:
        """Return the goals of a culture left alone."""
        return SPONTANEOUS

    def stages(self) -> tuple[Stage, ...]:
        """Return the warm-up and the window that is measured."""
        return Stage("warm_up", self.warm_up), Stage(REST, self.duration)

    def features(self, runs: Mapping[str, Run], env: Any) -> dict[str, float]:
        """Return the statistics of the cells."""
        wanted = [goal.feature for goal in SPONTANEOUS]
        return statistics(trains_of(runs[REST], env), wanted)


class Stimulated(Target):
    """A culture under pulses on all electrodes: the mean rate per cell while they last.

    Biphasic pulses, cathodic phase first (it carries the efficacy, Wagenaar et al. 2004), 0.2 ms
    per phase, ten a second: single cells follow below 15 Hz (PMC4505148). Their amplitude is free
    between 1 and 25 uA, that is 0.2 to 5 nC per phase, what such electrodes pass.

    Attributes:
        warm_up: not measured, ms.
        stimulation: how long pulses are played and measured, ms.
        frequency: pulses a second.
        phase_duration: ms.
        amplitude: bounds of the amplitude, uA.
    """

    warm_up: float = Field(default=1000.0, gt=0)
    stimulation: float = Field(default=3000.0, gt=0)
    frequency: float = Field(default=10.0, gt=0, le=200)
    phase_duration: float = Field(default=0.2, gt=0)
    amplitude: tuple[float, float] = (1.0, 25.0)

    def own_goals(self) -> tuple[Goal, ...]:
        """Return the goal of a culture that is stimulated."""
        return STIMULATED

    def stages(self) -> tuple[Stage, ...]:
        """Return the warm-up and the pulses."""
        return Stage("warm_up", self.warm_up), Stage(PULSES, self.stimulation, self.pulses)

    def features(self, runs: Mapping[str, Run], env: Any) -> dict[str, float]:
        """Return the mean rate per cell under pulses, Hz."""
        rate = statistics(trains_of(runs[PULSES], env), ["firing_rate"])
        return {RATE: rate["firing_rate"]}

    def protocol_space(self) -> dict[str, Range]:
        """Return the bounds of the amplitude, uA."""
        return {f"{PROTOCOL}amplitude": (*self.amplitude, "log10")}

    def pulses(self, env: Any, protocol: Mapping[str, float]) -> Stimulus:
        """Return the pulses on all electrodes as what they do to the cells.

        Args:
            env: the Env or batch that is stimulated.
            protocol: `amplitude`, uA; half way between the bounds where there is none.
        """
        middle = (self.amplitude[0] * self.amplitude[1]) ** 0.5
        period, channels = 1000.0 / self.frequency, range(len(env.io.channel_ids))
        onsets = [round(period * k / 0.05) * 0.05 for k in range(int(self.stimulation / period))]
        played = Stimulus.biphasic_pulse(
            len(channels), channels=channels, amplitude=protocol.get("amplitude", middle),
            phase_duration=self.phase_duration, pulse_times=onsets,
        )  # fmt: skip
        return env.cell_stimulus(played)


class Culture(Spontaneous, Stimulated):
    """A culture left alone and then stimulated: the default target."""

    def own_goals(self) -> tuple[Goal, ...]:
        """Return the goals of both."""
        return SPONTANEOUS + STIMULATED

    def stages(self) -> tuple[Stage, ...]:
        """Return warm-up, rest and pulses."""
        return (*Spontaneous.stages(self), Stimulated.stages(self)[-1])

    def judged_by(self) -> str:
        """Return the stage of rest."""
        return REST

    def features(self, runs: Mapping[str, Run], env: Any) -> dict[str, float]:
        """Return the features of both."""
        return Spontaneous.features(self, runs, env) | Stimulated.features(self, runs, env)
