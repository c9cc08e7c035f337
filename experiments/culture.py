"""What the generators share: a record that holds a system directory, and what is done with it."""

import os
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import machinable
from pydantic import Field

from experiments.component import Component
from experiments.place import place_system
from experiments.progress import Plan, start
from livn.io import MEA
from livn.plots import culture as draw_culture
from livn.system import Graph, System, content_hash, electrode_array, read_graph, write_graph
from livn.system.placement import Rectangle

SYSTEM = "system"


class CultureComponent(Component):
    """A generator: makes a graph, keeps it as a system directory, and puts copies elsewhere."""

    class Config(Component.Config):
        """Where a copy goes does not distinguish systems."""

        seed: int = Field(123, ge=0, description="of positions and connections")
        output_directory: str | None = machinable.Field(
            None, identifying=False, description="where a copy goes; names the system"
        )

    @abstractmethod
    def _graph(self) -> Graph:
        """Return the cells and connections of this configuration."""

    def on_configure(self) -> None:
        """Let the output directory be that of the caller, wherever the run happens."""
        super().on_configure()
        config: Any = self._config
        if config.output_directory is not None:
            config.output_directory = os.path.abspath(os.path.expanduser(config.output_directory))

    @property
    def system_directory(self) -> Path:
        """Where the record keeps the system."""
        config = self.config
        name = Path(config.output_directory or f"culture-{self.hash[:8]}").name
        # What a kill left half-written has a name with a dot in front.
        (kept,) = [*(self.directory / SYSTEM).glob("[!.]*")] or [self.directory / SYSTEM / name]
        return kept

    def compute(self) -> None:
        """Generate, write, and put a copy into the output directory."""
        target = self.system_directory
        plan = Plan(
            str(self.module).rpartition(".")[2], self.hash, self.options(), 1, unit="systems",
            output=str(self.config.output_directory or target),
        )  # fmt: skip
        with start(plan) as progress:
            graph = self._graph()
            made = {**graph.provenance, "record": self.hash}
            write_graph(replace(graph, provenance=made), target)
            progress.advance()
            self.save_metrics(self._counts())
            self._place()
            progress.after({**self.metrics(), "system": str(target)})

    def launch(self) -> Self:
        """Generate what is not generated yet, and put a copy into the output directory."""
        super().launch()
        if self.recalled().finished:
            self._place()
        return self

    def system(self) -> System:
        """Return the system.

        Raises:
            InvalidState: if it was not generated yet.
        """
        self.require_finished()
        return System(self.system_directory)

    def mea(
        self, pitch: float = 100.0, input_radius: float = 100.0, output_radius: float = 50.0
    ) -> str:
        """Put a square grid of electrodes under the culture, in place of another one.

        Args:
            pitch: distance of neighbouring electrodes, um.
            input_radius: how far from an electrode cells are stimulated, um.
            output_radius: how far from an electrode cells are heard, um.

        Returns:
            The path of mea.json.
        """
        self.require_finished()
        directory = self.system_directory
        graph = read_graph(directory)
        (x0, y0, _), (x1, y1, _) = System(directory).bounding_box.tolist()
        area = Rectangle((x0, x1), (y0, y1))
        array = electrode_array(area, pitch, input_radius, output_radius)
        with TemporaryDirectory() as scratch:
            fresh = write_graph(graph, Path(scratch, directory.name), mea=array)
            place_system(fresh, directory)
        placed = self._place()
        return str((placed or directory) / "mea.json")

    def plot(self, filename: str = "system.png", max_edges: int = 2500) -> str:
        """Draw the cells and a sample of the connections, and return the path of the picture.

        Args:
            filename: where to; relative to the output directory, else to the record.
            max_edges: how many connections are drawn.
        """
        system = self.system()
        array = system.load_file("mea.json", default=None)
        path = Path(self.config.output_directory or self.directory) / filename
        figure = draw_culture(system, None if array is None else MEA(**array), max_edges=max_edges)
        figure.savefig(path, dpi=150)  # type: ignore[union-attr]
        return str(path)

    def export(self, directory: str | None = None) -> str:
        """Copy the system and return where it is: by default ./systems/graphs/<name>.

        Args:
            directory: where to; its last component names the system.
        """
        self.require_finished()
        source = self.system_directory
        return str(place_system(source, directory or Path("systems", "graphs", source.name)))

    def _place(self) -> Path | None:
        target = self.config.output_directory
        return None if target is None else place_system(self.system_directory, target)

    def _counts(self) -> dict[str, Any]:
        directory = self.system_directory
        found = System(directory).summary()
        return {
            "cells": found["num_neurons"],
            "connections": found["num_projections"],
            "content_hash": content_hash(directory)[:16],
        }
