"""What is measured of spike trains, of a simulation and of a recording alike.

Every number comes from `livn.decoding`; docs/decodings.md has the definitions.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from livn.decoding import (
    ISICV,
    ActiveFraction,
    AvalancheAnalysis,
    MeanFiringRate,
    NetworkBursts,
    PairwiseChannelCorrelation,
    PerUnitFiringRate,
    SpikeTrains,
)
from livn.decoding.measure import SpikeMeasure
from livn.errors import unknown_names

BIN_MS = 4.0  # of avalanches and the branching ratio (Beggs & Plenz 2003, J Neurosci 23:11167)
COUNT_MS = 50.0  # of the counts that are correlated; 50 to 200 ms are in use for cultures


@dataclass(frozen=True)
class Statistic:
    """One number measured of spike trains.

    Attributes:
        unit: of the number; "1" for none.
        measure: the decoding; how long it measures is that of the trains.
        key: of the decoding's answer.
    """

    unit: str
    measure: SpikeMeasure
    key: str


STATISTICS = {
    "firing_rate": Statistic("Hz", MeanFiringRate(duration=1), "rate_hz"),
    "branching_ratio": Statistic(
        "1", AvalancheAnalysis(duration=1, bin_width=BIN_MS, n_samples=0), "branching_ratio_mr"
    ),
    "burst_rate": Statistic("1/s", NetworkBursts(duration=1), "burst_rate_hz"),
    "active_fraction": Statistic("1", ActiveFraction(duration=1), "active_fraction"),
    "synchrony": Statistic(
        "1",
        PairwiseChannelCorrelation(duration=1, units="cells", bin_size=COUNT_MS),
        "mean_pairwise_correlation",
    ),
    "isi_cv": Statistic("1", ISICV(duration=1), "isi_cv"),
    "max_rate": Statistic("Hz", PerUnitFiringRate(duration=1), "max_rate_hz"),
}


def statistics(trains: SpikeTrains, names: Iterable[str]) -> dict[str, float]:
    """Return name -> number of these trains, nan where it cannot be told.

    Args:
        trains: of all units, silent ones too.
        names: some of `STATISTICS`.

    Raises:
        UnknownName: for another name.
    """
    names = list(names)
    unknown = [name for name in names if name not in STATISTICS]
    if unknown:
        raise unknown_names("statistic", unknown, STATISTICS)
    chosen = {name: STATISTICS[name] for name in names}
    return {name: float(s.measure.measure(trains)[s.key]) for name, s in chosen.items()}
