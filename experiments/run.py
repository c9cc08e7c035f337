"""One simulation, decoded and drawn."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from experiments.component import SystemComponent
from experiments.parameters import parameter_set, remarks, shipped_parameters
from experiments.progress import Plan, start
from experiments.sampling.encodings import PulseEncoding
from experiments.specs import make_decoding, make_encoding, specs_hash
from experiments.upstream import document_hash
from livn.env import Env
from livn.errors import NotSupported
from livn.plots import channel_heatmap, raster, voltage_traces
from livn.run import Run as Recording
from livn.types import Encoding

SPIKES, DECODED = "spikes.parquet", "decoded.json"
DPI = 150


class Run(SystemComponent):
    """One simulation of a culture, with measures of it and pictures."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        **SystemComponent.upstream,
        "parameter_set": lambda config: document_hash(parameter_set(config.parameter_set)),
        "encoding": lambda config: specs_hash([make_encoding(config.encoding)]),
        "decodings": lambda config: specs_hash(
            [make_decoding(each, config.duration) for each in config.decodings]
        ),
    }

    class Config(SystemComponent.Config):
        """Times in ms; the warm-up is simulated and thrown away."""

        duration: float = Field(5000.0, gt=0, description="simulated and decoded, ms")
        warmup: float = Field(500.0, ge=0, description="before that, ms")
        stream: int = Field(0, ge=0, description="realisation of the noise")
        noise: bool = Field(True, description="whether the noise that ships is on")
        parameter_set: Any = Field(
            {}, description="over the parameters that ship: {key: value}, or a JSON file"
        )
        encoding: Any = Field("none", description="none, random_pulses, an import path; its input "
                              "is the number of the stream")  # fmt: skip
        decodings: list[Any] = Field(
            ["MeanFiringRate", "ActiveFraction"],
            description="of livn.decoding or import paths, or [name, settings]",
        )
        traces: int = Field(4, ge=0, description="cells whose voltage is recorded and drawn")

    def version_quick(self) -> dict[str, Any]:
        """One second."""
        return {"duration": 1000.0, "warmup": 100.0}

    def version_pulses(self) -> dict[str, Any]:
        """Random pulses on random electrodes."""
        return {"encoding": ["random_pulses", {"start": 0.0}]}

    def compute(self) -> None:
        """Simulate, decode, draw."""
        duration, given = self.config.duration, self.options()
        told = remarks(self._parameters())
        plan = Plan("run", self.hash, given, 1, output=str(self.directory), notes=told)
        with start(plan) as progress:
            env = self._env()
            decodings = [make_decoding(spec, duration) for spec in given["decodings"]]
            for decoding in decodings:
                decoding.setup(env)
            encoding = make_encoding(given["encoding"])
            stimulus = encoding and encoding(env, duration, self.config.stream)
            if self.config.warmup:
                env.run(self.config.warmup)
            run = env.run(duration, stimulus)
            answers = [decoding(run, env) for decoding in decodings]
            self._save(run, dict(zip(_names(decodings), answers, strict=True)))
            self._draw(run, env, encoding)
            env.close()
            progress.advance()
            files = sorted(p.name for p in self.directory.glob("*.p*"))
            progress.after({**self.metrics(), "files": ", ".join(files)})

    def decoded(self) -> dict[str, Any]:
        """Return what each decoding answered."""
        self.require_finished()
        return dict(self.load_file(DECODED, {}) or {})

    def spikes(self) -> Any:
        """Return gid and time (ms) of every spike, as a pyarrow Table."""
        self.require_finished()
        return pq.read_table(self.directory / SPIKES)

    def _parameters(self) -> dict[str, Any]:
        options = self.config
        shipped = shipped_parameters(options.system, options.model, options.noise)
        return {**shipped, **parameter_set(self.options()["parameter_set"])}

    def _env(self) -> Env:
        options = self.config
        env = Env(options.system, options.model, seed=options.seed, backend=options.backend).init()
        env.set_params(self._parameters())
        env.reseed_noise(options.stream).record_spikes()
        if options.traces:
            gids = env.simulated_gids()
            chosen = np.unique(np.linspace(0, len(gids) - 1, options.traces).astype(int))
            env.record_voltage(gids=gids[chosen])
        return env

    def _save(self, run: Recording, answers: Mapping[str, Any]) -> None:
        self.write(DECODED, answers)
        spikes = pa.table({"gid": run.spike_ids, "time": run.spike_times})
        scratch = self.directory / f".{SPIKES}"
        pq.write_table(spikes, scratch, compression="zstd")
        scratch.replace(self.directory / SPIKES)
        self.save_metrics(
            {
                name: value
                for answer in answers.values()
                if isinstance(answer, Mapping)
                for name, value in answer.items()
                if isinstance(value, int | float | np.number)
            }
        )

    def _draw(self, run: Recording, env: Env, encoding: Encoding | None) -> None:
        onsets = None
        if isinstance(encoding, PulseEncoding):
            played = encoding.pulses(env, self.config.duration, self.config.stream)
            onsets = [onset for onset, _, _ in played] or None
        figures = {"raster.png": raster(run, env.system, stimulus=onsets)}
        if self.config.traces:
            figures["traces.png"] = voltage_traces(run, env.system)
        rates = _rates(run, env)
        if rates is not None:
            figures["electrodes.png"] = channel_heatmap(env.io, rates, label="spikes heard (Hz)")
        for name, figure in figures.items():
            figure.savefig(Path(self.directory, name), dpi=DPI)  # type: ignore[union-attr]


def _names(decodings: Sequence[Any]) -> list[str]:
    """Return the class of each decoding, numbered where it occurs again."""
    names: list[str] = []
    for decoding in decodings:
        name = type(decoding).__name__
        again = sum(each.partition(" ")[0] == name for each in names)
        names.append(f"{name} {again + 1}" if again else name)
    return names


def _rates(run: Recording, env: Env) -> NDArray[np.float64] | None:
    """Return the rate of the spikes each electrode hears, Hz; None where nothing listens."""
    try:
        heard = env.channel_recording(run.spike_ids)
    except NotSupported:
        return None
    return np.array([len(ids) for ids in heard.values()]) / (run.duration or np.nan) * 1000
