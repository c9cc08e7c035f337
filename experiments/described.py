"""How a component tells of itself: its name, the command that means it, what it comes from."""

import json
import shlex
from pathlib import Path
from typing import Any

from machinable.utils import object_hash

from experiments.options import Checked, spelled
from livn.errors import InvalidState

HASH_LENGTH = 16  # hexadecimal digits, 64 bits


class Described(Checked):
    """What is said of a component; `Component` is the one to derive from."""

    @property
    def directory(self) -> Path:
        """Where the files of the record lie; there from the launch on.

        Raises:
            InvalidState: before.
        """
        if not self.is_materialized():
            raise InvalidState(
                f"{self.label_text()} is not computed: got no record of it. "
                f"Run it: {self.command()} --launch"
            )
        return Path(self.local_directory())

    def compute_record_id(self) -> str:
        """Return the name of the record: a hash, the same on every machine."""
        named = {"identity": self.catalog_identity_key(), "predicate": self.predicate}
        return str(object_hash(named))[:HASH_LENGTH]

    @property
    def hash(self) -> str:
        """The hash of the record, whether it exists or not."""
        return self.uuid or self.compute_record_id()

    def options(self) -> dict[str, Any]:
        """Return every option in force by name."""
        given = self.config_layers().resolved
        return {name: value for name, value in given.items() if name != "hashes"}

    @property
    def name(self) -> str:
        """What the command line calls the component: "tune"."""
        return str(self.module).removeprefix("experiments.")

    def label_text(self) -> str:
        """Return what a user calls the record: "tune 3f2a91c0"."""
        return f"{self.name} {self.hash[:8]}"

    def last_run(self) -> dict[str, Any]:
        """Return where, when and with which code and packages it was computed last, or nothing."""
        runs = sorted(self.directory.glob("runs/*/host.json"))
        return dict(json.loads(runs[-1].read_text("utf-8"))) if runs else {}

    def words(self) -> list[str]:
        """Return name and options as words of a command line, options at their default left out."""
        layers = self.config_layers()
        return [self.name, *spelled(layers.resolved, layers.default)]

    def command(self) -> str:
        """Return the command that means this record wherever it is given, without `--launch`."""
        return f"livn systems {shlex.join(self.words())}"

    def origins(self) -> list[tuple[str, str]]:
        """Return (what, which) of everything the record comes from, nearest first.

        What an option names comes with the hash of its content; records that are linked, with
        what they come from in turn.
        """
        given, told = self.options(), []
        for name, identity in self.config.hashes.items():
            named = given.get(name)
            told.append((name, f"{named}, content {identity}" if named else f"content {identity}"))
        for used in self.uses:
            told.append(("record", f"{used.label_text()}: {used.command()}"))
            told += [(f"  {what}", which) for what, which in used.origins()]
        return told
