"""Figures: what they show, what they refuse, and that they leave matplotlib's state alone."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.plots import channel_heatmap, electrode_array, raster, voltage_traces
from livn.run import Run
from livn.stimulus import Stimulus

RANGES = {"INH": (8, 2), "EXC": (0, 8)}


def culture(n_electrodes=4) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Ten cells on a diagonal of 400 um and a row of electrodes 100 um apart."""
    xy = np.linspace(0, 400, 10)
    system = SimpleNamespace(
        population_ranges=RANGES,
        neuron_coordinates=np.column_stack([np.arange(10), xy, xy, np.zeros(10)]),
        bounding_box=np.array([[0, 0, 0], [400, 400, 0]]),
    )
    rows = [[7 + k, 50 + 100 * k, 200, 0] for k in range(n_electrodes)]
    mea = SimpleNamespace(electrode_coordinates=np.array(rows), input_radius=150, output_radius=250)
    return system, mea


def spiking() -> Run:
    return Run(duration=100.0).add_spikes([0, 9, 3, 0], [5.0, 15.0, 25.0, 95.0])


def texts(ax) -> list[str]:
    return [t.get_text() for t in ax.texts]


def test_raster_has_a_row_per_cell_and_the_rate_of_each_population():
    rows, rates = raster(spiking(), population_ranges=RANGES, bin_size=50).axes
    excitatory, _, inhibitory, _ = rows.lines
    assert excitatory.get_xydata().tolist() == [[5.0, 0.5], [25.0, 3.5], [95.0, 0.5]]
    assert inhibitory.get_xydata().tolist() == [[15.0, 9.5]]
    assert texts(rows) == ["EXC\n8 cells", "INH\n2 cells"]
    assert [p.get_data().values.tolist() for p in rates.patches] == [[5.0, 2.5], [10.0, 0.0]]
    assert rates.get_xlabel() == "time (ms)"


def test_raster_rate_of_an_incomplete_last_bin_is_per_its_own_length():
    _, rates = raster(spiking(), population_ranges=RANGES, bin_size=80).axes
    assert rates.patches[0].get_data().edges.tolist() == [0.0, 80.0, 100.0]
    assert rates.patches[0].get_data().values.tolist() == [3.125, 6.25]


def test_raster_marks_the_onsets_of_a_stimulus():
    pulses = np.zeros((100, 2))
    pulses[10:13, 0] = 1.0
    pulses[40, 1] = -1.0
    top, *_ = raster(spiking(), culture()[0], stimulus=Stimulus(pulses, dt=0.5)).axes
    assert top.lines[0].get_xdata().tolist() == [5.0, 20.0]
    top, *_ = raster(spiking(), culture()[0], stimulus=[1.0, 2.0]).axes
    assert top.lines[0].get_xdata().tolist() == [1.0, 2.0]


def test_raster_of_no_spikes_and_without_populations_is_drawn():
    figure = raster(Run(duration=5000.0).add_spikes([], []))
    figure.draw_without_rendering()
    assert figure.axes[1].get_xlabel() == "time (s)"
    assert figure.axes[1].get_xlim() == (0, 5.0)


@pytest.mark.parametrize(("n_spikes", "pixels"), [(100_000, False), (100_001, True)])
def test_raster_of_very_many_spikes_is_drawn_as_pixels(n_spikes, pixels):
    run = Run(duration=100.0).add_spikes(np.zeros(n_spikes, int), np.full(n_spikes, 50.0))
    assert bool(raster(run).axes[0].lines[0].get_rasterized()) is pixels


def test_raster_refuses_what_it_cannot_draw():
    with pytest.raises(InvalidState, match="raster needs spikes and a duration: got Run"):
        raster(Run(duration=10.0))
    with pytest.raises(InvalidValue, match="bin_size is not positive: got -1"):
        raster(spiking(), bin_size=-1)
    with pytest.raises(InvalidValue, match="spikes belong to no population: got 1 of 4; need gids"):
        raster(spiking(), population_ranges={"EXC": (0, 8)})


def test_figures_compose_as_panels():
    left, right = (figure := Figure(layout="constrained")).subfigures(1, 2)
    assert raster(spiking(), figure=left) is left
    electrode_array(*culture(), figure=right)
    figure.draw_without_rendering()
    assert len(figure.axes) == 3


def test_electrodes_and_cells_lie_where_they_are_and_to_scale():
    ax = electrode_array(*culture()).axes[0]
    electrodes, excitatory, inhibitory = ax.collections
    assert electrodes.get_offsets()[:, 0].tolist() == [50, 150, 250, 350]
    assert set(electrodes.get_widths()) == {30.0}
    assert excitatory.get_offsets().shape == (8, 2)
    assert inhibitory.get_offsets()[-1].tolist() == [400, 400]
    assert ax.get_aspect() == 1
    assert texts(ax) == ["7", "8", "9", "10", "100 µm"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["EXC (8)", "INH (2)"]


def test_reach_circles_have_the_radii_of_the_array():
    system, mea = culture()
    ax = electrode_array(system, mea, reach=[8]).axes[0]
    circles = [c for c in ax.collections if isinstance(c, EllipseCollection)][-2:]
    assert [c.get_widths().tolist() for c in circles] == [[500], [300]]
    assert circles[0].get_offsets().tolist() == [[150, 200]]
    with pytest.raises(UnknownName, match="unknown electrode: got '80' "):
        electrode_array(system, mea, reach=[80])


def test_ids_of_very_many_electrodes_are_left_out():
    assert texts(electrode_array(*culture(257)).axes[0]) == ["5000 µm"]


def test_heatmap_colours_what_has_a_value():
    _, mea = culture()
    ax, bar = channel_heatmap(mea, {7: 1.0, 9: 3.0}, label="rate (Hz)").axes
    known, unknown = ax.collections
    assert known.get_array().tolist() == [1.0, 3.0]
    assert unknown.get_offsets()[:, 0].tolist() == [150, 350]
    assert bar.get_ylabel() == "rate (Hz)"
    assert known.get_clim() == (1.0, 3.0)


def test_heatmap_of_both_signs_is_symmetric_about_zero():
    known = channel_heatmap(culture()[1], [-1.0, 0.0, 4.0, np.nan]).axes[0].collections[0]
    assert known.get_clim() == (-4.0, 4.0)


def test_heatmap_refuses_values_of_other_electrodes():
    _, mea = culture()
    with pytest.raises(
        InvalidValue, match=r"do not match the array: got shape \(3,\); need \(4,\)"
    ):
        channel_heatmap(mea, [1, 2, 3])
    with pytest.raises(UnknownName, match="unknown electrode: got '70'"):
        channel_heatmap(mea, {70: 1.0})
    channel_heatmap(mea, {}).draw_without_rendering()
    channel_heatmap(culture(1)[1], [2.0]).draw_without_rendering()


def test_voltage_traces_share_one_scale_and_mark_spikes():
    v = np.full((10, 1000), -70.0)
    v[3, 250] = 10.0
    run = spiking().add_voltage(np.arange(10), v)
    ax = voltage_traces(run, culture()[0], gids=[9, 3]).axes[0]
    lower, _, upper, spike, bar = ax.lines
    assert np.ptp(lower.get_ydata()) == 80.0
    assert upper.get_ydata()[0] - lower.get_ydata()[0] == 100.0
    assert spike.get_xdata().tolist() == [15.0]
    assert list(bar.get_ydata()) == [0, 50.0]
    assert texts(ax) == ["EXC 3", "INH 9", "50 mV"]
    assert len(texts(voltage_traces(run).axes[0])) == 9


def test_voltage_traces_name_sections():
    run = Run().add_voltage([1, 1], np.zeros((2, 10)), sections=["soma", "dend"])
    assert texts(voltage_traces(run).axes[0]) == ["1 dend", "1 soma", "1 mV"]


def test_voltage_traces_refuse_what_was_not_recorded():
    with pytest.raises(InvalidState, match="voltage was not recorded: got Run"):
        voltage_traces(spiking())
    run = Run().add_voltage([4], np.zeros((1, 10)))
    with pytest.raises(InvalidValue, match=r"not recorded: got gids \[5\]; need some of \[4\]"):
        voltage_traces(run, gids=[4, 5])


def test_figures_touch_no_global_state_of_matplotlib(tmp_path):
    code = (
        "import sys, matplotlib\n"
        "before = dict(matplotlib.rcParams)\n"
        "from livn.plots import raster\n"
        "from livn.run import Run\n"
        f"raster(Run(duration=9.0).add_spikes([1], [2.0])).savefig(r'{tmp_path}/r.png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "r.png").stat().st_size > 1000
