"""What the rows of a dataset are: sample i is a function of the design and i alone."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from livn import random

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
HASH_LENGTH = 12  # hexadecimal digits of the hashes in sample ids

# Sites of the random numbers of sampling, apart from those of systems and cells (1 to 9).
_SPLIT, _INPUTS = 101, 102


class Design(BaseModel):
    """A dataset before anything is simulated; complete, so that a row can be made anywhere.

    Sample i is stimulated by encoding i mod E, of E encodings, and has parameters (i div E) mod P,
    of P; its noise is stream i of the seed, and it starts from the initial state.

    Attributes:
        system: name, directory or address.
        system_hash: of its content, as `livn.system.content_hash` gives it; may be shortened.
        model: name of the model; None for that of the system.
        backend: what computes.
        seed: of cells, noise, inputs and the split.
        encodings: specs, as `make_encoding` takes them.
        parameters: what is set on the Env, everything a key; one mapping per parameter set.
        duration: simulated, ms.
        warmup: cut off at the start, ms.
        potential_dt: step of the electrode potentials, ms; None for none.
        train, test: numbers of samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    system_hash: str
    model: str | None
    backend: str
    seed: int = Field(ge=0)
    encodings: tuple[Any, ...] = Field(min_length=1)
    parameters: tuple[dict[str, Any], ...] = Field(min_length=1)
    duration: float = Field(gt=0)
    warmup: float = Field(ge=0)
    potential_dt: float | None = Field(default=None, gt=0)
    train: int = Field(ge=0)
    test: int = Field(ge=0)

    @property
    def total(self) -> int:
        """Number of samples."""
        return self.train + self.test

    @cached_property
    def _in_test(self) -> NDArray[np.bool_]:
        """Whether each sample is one of those with the lowest random numbers, which are test."""
        draws = random.uniforms(random.key(self.seed, site=_SPLIT), np.arange(self.total), 0, 1)
        order = np.lexsort((draws[1, 0], draws[0, 0]))
        chosen = np.zeros(self.total, bool)
        chosen[order[: self.test]] = True
        return chosen

    def split(self, index: int) -> Split:
        """Return the split of a sample, fixed by seed and index."""
        return "test" if self._in_test[index] else "train"

    def indices(self, split: Split) -> NDArray[np.int64]:
        """Return the samples of a split, ascending."""
        return np.flatnonzero(self._in_test == (split == "test"))

    def encoding(self, index: int) -> int:
        """Return the position of the encoding of a sample."""
        return index % len(self.encodings)

    def parameter_set(self, index: int) -> int:
        """Return the position of the parameters of a sample."""
        return index // len(self.encodings) % len(self.parameters)

    def draw(self, index: int) -> int:
        """Return the whole number below 2**53 that the inputs of a sample are drawn from."""
        pair = random.uniforms(random.key(self.seed, site=_INPUTS), [index], 0, 1)[:, 0, 0]
        return int(pair[0] * 2**32) << 21 | int(pair[1] * 2**21)

    def sample_id(self, index: int) -> str:
        """Return the name of a sample, unique over datasets and the same whenever it is made."""
        hashes = f"{self.culture_hash}-{self.parameters_hash(index)}"
        return f"{self.system_name}-{hashes}-{self.seed}-{index:06d}"

    @property
    def system_name(self) -> str:
        """Name of the system, without where it lies."""
        return self.system.rstrip("/").rpartition("/")[2]

    @cached_property
    def culture_hash(self) -> str:
        """Hash of all that samples have in common but the number of them."""
        leave = {"system", "train", "test", "parameters"}
        return document_hash(self.model_dump(mode="json", exclude=leave))[:HASH_LENGTH]

    @cached_property
    def identity(self) -> str:
        """Hash of the whole design; where the system lies does not count."""
        return document_hash(self.model_dump(mode="json", exclude={"system"}))[:HASH_LENGTH]

    def parameters_hash(self, index: int) -> str:
        """Return the hash of the parameters of a sample."""
        return self._parameter_hashes[self.parameter_set(index)]

    @cached_property
    def _parameter_hashes(self) -> Sequence[str]:
        return [document_hash(each)[:HASH_LENGTH] for each in self.parameters]

    def document(self) -> dict[str, Any]:
        """Return the design as JSON types; of a system on this machine only the name."""
        return {**self.model_dump(mode="json"), "system": self.system_name}

    def to_json(self) -> str:
        """Return `document` as one line, as every row of the dataset holds it."""
        return json.dumps(self.document(), sort_keys=True)


def document_hash(document: Mapping[str, Any]) -> str:
    """Return the sha256 of a JSON document; the order of its keys does not matter."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
