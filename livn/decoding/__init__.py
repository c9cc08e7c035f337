"""Decodings: what is read out of a run.

Each is called as `decoding(run, env)`, most often by `env(decoding)`, and says how long to run.
docs/decodings.md has all definitions with their sources.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from livn.decoding.avalanches import AvalancheAnalysis, multistep_regression
from livn.decoding.bursts import BurstRate, NetworkBursts, UnitBursts
from livn.decoding.core import ChannelRecording, GatherAndMerge, Slice
from livn.decoding.density import PopulationSpikeDensity, baks
from livn.decoding.detected import DetectedSpikes
from livn.decoding.intervals import ISICV, ISIStatistics
from livn.decoding.lfp import LFP
from livn.decoding.measure import (
    SpikeMeasure,
    electrode_positions,
    merged_spikes,
    population_gids,
    sorted_spikes,
    unit_count,
)
from livn.decoding.pipe import Pipe
from livn.decoding.powerlaw import PowerLaw, fit_power_law
from livn.decoding.rates import (
    ActiveFraction,
    MeanFiringRate,
    PerUnitFiringRate,
    PopulationActiveFraction,
    PopulationAutocorrTau,
    PopulationFiringRates,
    PopulationRateMetrics,
    Stability,
)
from livn.decoding.recruitment import (
    ExtracellularRecruitment,
    RecruitmentCurve,
    recruitment_threshold,
)
from livn.decoding.response import (
    PeriStimulusHistogram,
    StimulusResponse,
    peristimulus,
    responders,
    stimulus_response,
)
from livn.decoding.synchrony import PairwiseChannelCorrelation, PeakSynchrony, SpikeTimeTiling
from livn.decoding.trains import SpikeTrains, spike_trains
from livn.decoding.waveforms import Waveforms, spike_waveforms, waveform_shape
from livn.types import Decoding

if TYPE_CHECKING:
    from livn.decoding.arrow import ArrowDataset

__all__ = [
    "ISICV",
    "LFP",
    "ActiveFraction",
    "ArrowDataset",
    "AvalancheAnalysis",
    "BurstRate",
    "ChannelRecording",
    "Decoding",
    "DetectedSpikes",
    "ExtracellularRecruitment",
    "GatherAndMerge",
    "ISIStatistics",
    "MeanFiringRate",
    "NetworkBursts",
    "PairwiseChannelCorrelation",
    "PeakSynchrony",
    "PerUnitFiringRate",
    "PeriStimulusHistogram",
    "Pipe",
    "PopulationActiveFraction",
    "PopulationAutocorrTau",
    "PopulationFiringRates",
    "PopulationRateMetrics",
    "PopulationSpikeDensity",
    "PowerLaw",
    "RecruitmentCurve",
    "Slice",
    "SpikeMeasure",
    "SpikeTimeTiling",
    "SpikeTrains",
    "Stability",
    "StimulusResponse",
    "UnitBursts",
    "Waveforms",
    "baks",
    "electrode_positions",
    "fit_power_law",
    "merged_spikes",
    "multistep_regression",
    "peristimulus",
    "population_gids",
    "recruitment_threshold",
    "responders",
    "sorted_spikes",
    "spike_trains",
    "spike_waveforms",
    "stimulus_response",
    "unit_count",
    "waveform_shape",
]


def __getattr__(name: str) -> Any:
    if name != "ArrowDataset":
        raise AttributeError(f"module 'livn.decoding' has no attribute {name!r}.")
    try:
        return import_module("livn.decoding.arrow").ArrowDataset
    except ModuleNotFoundError as error:
        raise ImportError(
            f"ArrowDataset needs the package {error.name}: pip install 'livn[data]'."
        ) from error
