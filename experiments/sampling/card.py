"""The card of a dataset: README.md with the front matter that the hub and `datasets` read."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from experiments.sampling.design import Design
from experiments.sampling.table import RUNAWAY_HZ
from livn import get_version
from livn.system import RECIPES

LICENCE = "cc-by-4.0"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST = "1M<n<10M"

COLUMNS = """\
| column | what it is |
|---|---|
| `cit`, `ctt` | per electrode: gid and time (ms) of every spike it hears |
| `cp` | electrode potential, uV, per electrode and sample; null where it was not recorded |
| `it`, `tt` | ground truth: gid and time (ms) of every spike of every cell |
| `encoding`, `draw`, `inputs`, `pulses` | how it was stimulated; pulses are biphasic, onset (ms), \
electrode, amplitude (uA) |
| `sample_id`, `index`, `split` | which row it is; ids are unique over datasets |
| `status` | `ok`, `silent` (no spikes), `runaway` (above {runaway:g} Hz per cell), `diverged` |
| `duration`, `warmup` | ms; times count from the end of the warm-up, which was cut off |
| `seed`, `stream`, `system`, `system_hash`, `parameters_hash`, `model`, `backend`, \
`livn_version`, `design` | lineage: with these the row can be made again |
"""

TEXT = """\
# {name}: {total:,} simulations of a culture on a multi-electrode array

Simulated, not recorded from tissue. Each row is {seconds:g} s of the system `{system}` after a \
warm-up of {warmup:g} ms, with noise of its own; nothing carries over from one row to another.

## Use

```python
from datasets import load_dataset

path = "{name}"  # where this directory lies, or its repository on the hub
train = load_dataset(path, split="{first}")
row = train[0]
spikes_heard = [len(times) for times in row["ctt"]]  # per electrode
```

`load_dataset(path, split="{first}", streaming=True)` reads row after row without holding more.

## Rows

{columns}
## Lineage

| | |
|---|---|
| design | `{identity}`, in `design.json` and in every row |
| system | `{system}`, content `{system_hash}` |
| parameters | {parameters} |
| encodings | {encodings} |
| model, backend | {model}, {backend} |
| seed | {seed}; row i has noise stream i |
| livn | {version} |
{command}
A row is a function of the design and its index, so it can be made again, bit for bit, with the \
same version of livn on the same kind of processor:

    from livn.experiments import importable

    importable()  # the experiments that come with livn
    from experiments.sampling.regenerate import regenerate

    assert regenerate(row) == row{elsewhere}

## Sizes

{sizes}
Outcomes: {outcomes}. Which rows are test rows is fixed by seed and index.

## Limits

- Cells, synapses and noise are a model; rates and correlations are those of its parameters, which \
were tuned to summary statistics of cultures, if at all.
- Spikes on an electrode are those of all cells within its reach, without noise of the amplifier, \
missed or false spikes.
- Silent, runaway and diverged simulations are kept as rows; select by `status`.

## Citation and licence

Cite the design above with

> Gressmann, Raikov, Pham, Coats, Soltesz, Rauchwerger (2025): livn: A testbed for learning to \
interact with in vitro neural networks. bioRxiv, https://doi.org/10.64898/2025.12.16.694706

Licence of the data: {licence}.
"""


def write_card(
    design: Design,
    directory: Path,
    sizes: Mapping[str, int],
    outcomes: Mapping[str, int],
    command: str = "",
) -> Path:
    """Write README.md for the shards in `directory` and return its path.

    Args:
        design: what the rows are.
        directory: of the dataset.
        sizes: bytes of the shards of each split.
        outcomes: number of rows of each status.
        command: that made them.
    """
    counts = {"train": design.train, "test": design.test}
    splits = {split: n for split, n in counts.items() if n}
    front = yaml.safe_dump(_front_matter(design, splits), sort_keys=False, allow_unicode=True)
    listed = [f"| {split} | {n:,} | {sizes[split]:,} |" for split, n in splits.items()]
    name = design.system_name
    text = TEXT.format(
        name=name,
        total=design.total,
        seconds=(design.duration - design.warmup) / 1000,
        system=name,
        warmup=design.warmup,
        first=next(iter(splits)),
        columns=COLUMNS.format(runaway=RUNAWAY_HZ),
        identity=design.identity,
        system_hash=design.system_hash,
        parameters=", ".join(
            f"`{h}`" for h in dict.fromkeys(map(design.parameters_hash, range(design.total)))
        ),
        encodings=", ".join(f"`{spec}`" for spec in design.encodings),
        model=design.model or "the system's default",
        backend=design.backend,
        seed=design.seed,
        version=get_version(),
        elsewhere="" if name in RECIPES else "  # regenerate(row, system=...) where that lies",
        command=f"| command | `{command}` |\n" if command else "",
        sizes="\n".join(["| split | rows | bytes |", "|---|---|---|", *listed, ""]),
        outcomes=", ".join(f"{n:,} {status}" for status, n in sorted(outcomes.items())),
        licence=LICENCE,
    )
    path = directory / "README.md"
    path.write_text(f"---\n{front}---\n\n{text}", encoding="utf-8")
    return path


def _front_matter(design: Design, splits: Mapping[str, int]) -> dict[str, object]:
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
    return {
        "license": LICENCE,
        "task_categories": ["time-series-forecasting"],
        "tags": ["neuroscience", "multi-electrode-array", "spiking", "simulated", "livn"],
        "size_categories": [next((s for n, s in SIZES if design.total < n), LARGEST)],
        "configs": [{"config_name": "default", "data_files": files}],
    }
