"""Env: a system, a model, an io and a backend put together into a culture you can talk to."""

from livn.env.env import Env
from livn.env.making import make

__all__ = ["Env", "make"]
