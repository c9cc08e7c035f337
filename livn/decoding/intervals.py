"""Interspike intervals: how regular the spikes of a unit are."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from livn.decoding.measure import SpikeMeasure, mean
from livn.decoding.trains import SpikeTrains

Floats = npt.NDArray[np.float64]


class ISICV(SpikeMeasure):
    """The coefficient of variation of the interspike intervals, as the mean over units.

    1 for Poisson trains, 0 for a clock. Keys: `isi_cv` (nan if no unit has enough spikes),
    `n_units_used`.

    Attributes:
        min_spikes_per_unit: units with fewer spikes are left out; silent ones have no intervals.
    """

    min_spikes_per_unit: int = Field(default=5, ge=3)

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the mean and of how many units it is."""
        cv = interval_cv(spikes)[spikes.counts >= self.min_spikes_per_unit]
        cv = cv[np.isfinite(cv)]
        return {"isi_cv": mean(cv), "n_units_used": len(cv)}


class ISIStatistics(SpikeMeasure):
    """Length and variability of the interspike intervals of each unit.

    CV is std / mean, CV2 (Holt et al. 1996, J Neurophysiol 75:1806) and LV (Shinomoto et al.
    2003, Neural Comput 15:2823) compare neighbouring intervals and so do not grow with slow
    changes of the rate. All are 1 for Poisson trains and 0 for a clock.

    Keys: `mean_isi_ms`, `isi_cv`, `cv2`, `lv`, means over the units used (nan if there are none);
    `n_units_used`, `unit_ids`, and per unit `unit_mean_isi_ms`, `unit_isi_cv`, `unit_cv2`,
    `unit_lv`.

    Attributes:
        min_spikes_per_unit: units with fewer spikes are left out; silent ones have no intervals.
    """

    min_spikes_per_unit: int = Field(default=5, ge=3)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the statistics, over units and of each."""
        enough = spikes.counts >= self.min_spikes_per_unit
        cv2, lv = local_variation(spikes)
        found = {
            "mean_isi_ms": interval_means(spikes)[enough],
            "isi_cv": interval_cv(spikes)[enough],
            "cv2": cv2[enough],
            "lv": lv[enough],
        }
        return {
            **{name: mean(values[np.isfinite(values)]) for name, values in found.items()},
            "n_units_used": int(np.count_nonzero(enough)),
            "unit_ids": spikes.units[enough],
            **{f"unit_{name}": values for name, values in found.items()},
        }


def interval_means(spikes: SpikeTrains) -> Floats:
    """Return the mean interspike interval of each unit, ms; nan of fewer than 2 spikes."""
    unit, length = spikes.intervals
    return _over(np.bincount(unit, length, spikes.n_units), spikes.counts - 1)


def interval_cv(spikes: SpikeTrains) -> Floats:
    """Return std / mean of the interspike intervals of each unit; nan where there are none."""
    unit, length = spikes.intervals
    average = interval_means(spikes)
    square = np.bincount(unit, (length - average[unit]) ** 2, spikes.n_units)
    return _over(np.sqrt(_over(square, spikes.counts - 1)), average)


def local_variation(spikes: SpikeTrains) -> tuple[Floats, Floats]:
    """Return CV2 and LV of each unit; nan of fewer than 3 spikes.

    With neighbouring intervals a and b, CV2 is the mean of 2 |a - b| / (a + b) and LV that of
    3 (a - b)^2 / (a + b)^2. Neighbours that are both 0, which a channel may hear, are left out.
    """
    unit, length = spikes.intervals
    total, change = length[1:] + length[:-1], np.diff(length)
    pair = (unit[1:] == unit[:-1]) & (total > 0)
    of, relative = unit[1:][pair], np.abs(change[pair]) / total[pair]
    n = np.bincount(of, minlength=spikes.n_units)
    cv2 = _over(np.bincount(of, 2 * relative, spikes.n_units), n)
    lv = _over(np.bincount(of, 3 * relative**2, spikes.n_units), n)
    return cv2, lv


def _over(sums: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> Floats:
    """Return sums / numbers, nan where the number is not positive."""
    return np.divide(sums, numbers, out=np.full(len(sums), np.nan), where=numbers > 0)
