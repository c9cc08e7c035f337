"""What is played to a culture: stimuli, pulses and the policies that render them."""

from livn.stimulus.bursts import BurstPolicy
from livn.stimulus.channels import ChannelSet
from livn.stimulus.devices import DEVICES, Device, device
from livn.stimulus.modes import MODES
from livn.stimulus.policies import (
    BiphasicPulsePolicy,
    ElectrodePolicy,
    MonophasicPulsePolicy,
    Policy,
    PulseSweepPolicy,
)
from livn.stimulus.pulses import PulseTrain, net_charge, pulse_train
from livn.stimulus.scaled import ScaledPulses
from livn.stimulus.stimulus import Stimulus

__all__ = [
    "DEVICES",
    "MODES",
    "BiphasicPulsePolicy",
    "BurstPolicy",
    "ChannelSet",
    "Device",
    "ElectrodePolicy",
    "MonophasicPulsePolicy",
    "Policy",
    "PulseSweepPolicy",
    "PulseTrain",
    "ScaledPulses",
    "Stimulus",
    "device",
    "net_charge",
    "pulse_train",
]
