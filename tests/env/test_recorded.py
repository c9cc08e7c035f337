"""What is recorded is what was asked for, and a request that makes no sense is refused."""

import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidType, InvalidValue, UnknownName


@pytest.fixture(scope="module")
def env():
    """Two populations of cells with a dendrite."""
    return Env({"EXC": 2, "INH": 1}, "PinskyRinzel")


def test_one_section_may_be_named_as_text():
    env = Env(1, "PinskyRinzel").record_voltage(sections="dend").init()
    assert env.run(1).voltage_sections == ("dend",)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.record_voltage([]), InvalidValue, "no population named: got .*known: EXC"),
        (lambda e: e.record_spikes([]), InvalidValue, "no population named: got .*known: EXC"),
        (lambda e: e.record_spikes(3), InvalidType, "population is not a name: got 3"),
        (lambda e: e.record_voltage([3]), InvalidType, r"population is not a name: got \[3\]"),
        (lambda e: e.record_voltage(sections=3), InvalidType, "section is not a name: got 3"),
        (lambda e: e.record_voltage(sections="axon"), InvalidValue, r"got sections \['axon'\]"),
        (lambda e: e.record(3), InvalidType, "what to record is not a name: got 3"),
        (lambda e: e.record("ca", gid=[1]), UnknownName, r"'gid' \(did you mean 'gids'\?\)"),
        (lambda e: e.recording_sections_per_cell("FOO"), UnknownName, "got 'FOO'; known: EXC, INH"),
    ],
)
def test_request_that_makes_no_sense_is_refused(env, call, error, message):
    with pytest.raises(error, match=message):
        call(env)
    assert not env.recorder.channels
    assert not env.recorder.spikes


def test_sections_per_cell(env):
    assert env.recording_sections_per_cell("EXC") == 2


def test_voltage_of_one_population():
    env = Env({"EXC": 2, "INH": 1}, "LIF").record_voltage(["INH"]).init()
    assert np.array_equal(env.run(1).voltage_ids, [2])
