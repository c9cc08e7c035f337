"""Morphologies from SWC files: one sample a line, each with its parent."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from livn.errors import CorruptFile
from livn.models.morphology import Morphology, Point, Section, sphere

_KINDS = {1: "soma", 2: "axon", 3: "dend", 4: "apical"}
_COLUMNS = "id type x y z radius parent"


@dataclass(frozen=True)
class _Sample:
    number: int
    kind: str
    point: Point
    parent: int


def read_swc(path: str | Path) -> Morphology:
    """Return the morphology of an SWC file: types 1 soma, 2 axon, 3 basal (`dend`), 4 apical.

    A soma of one sample, or of the three of NeuroMorpho.Org, is a sphere; a chain of samples is
    taken as it is drawn. A section that leaves the soma begins at its own first sample, others at
    the sample they leave. Samples at the place of the one before are skipped.

    Raises:
        CorruptFile: if the file is no tree of such samples around one soma.
    """
    samples = _read(Path(path))
    children = _children(path, samples)
    soma = [s for s in samples.values() if s.kind == "soma"]
    sections = [_soma(path, soma, children)]
    last = {s.number: 0 for s in soma}  # sample -> the section it ends
    waiting = [c for s in soma for c in children[s.number] if c.kind != "soma"][::-1]
    while waiting:
        run = [waiting.pop()]
        while _goes_on(run[-1], children):
            run.append(children[run[-1].number][0])
        origin = samples[run[0].parent]
        sections.append(Section(run[0].kind, _points(path, origin, run), last[origin.number]))
        last[run[-1].number] = len(sections) - 1
        waiting += children[run[-1].number][::-1]
    return Morphology(tuple(sections))


def _goes_on(sample: _Sample, children: dict[int, list[_Sample]]) -> bool:
    following = children[sample.number]
    return len(following) == 1 and following[0].kind == sample.kind


def _points(path: str | Path, origin: _Sample, run: list[_Sample]) -> tuple[Point, ...]:
    """Return the points of a section that leaves the sample `origin`."""
    points = [s.point for s in run]
    if origin.kind != "soma":
        points.insert(0, origin.point)
    elif len(run) == 1:  # all that is known of it is its end
        x, y, z, _ = origin.point
        points.insert(0, (x, y, z, run[0].point[3]))
    return _apart(path, points, run[0])


def _apart(path: str | Path, points: list[Point], first: _Sample) -> tuple[Point, ...]:
    """Return the points that are not where the one before is."""
    kept = points[:1]
    kept += [b for a, b in zip(points, points[1:], strict=False) if a[:3] != b[:3]]
    if len(kept) < 2:
        raise _corrupt(path, "has a section without length", f"all of it at sample {first.number}",
                       "need two places or more. Remove it.")  # fmt: skip
    return tuple(kept)


def _soma(path: str | Path, soma: list[_Sample], children: dict[int, list[_Sample]]) -> Section:
    inside = {s.number for s in soma}
    chain = [s for s in soma if s.parent not in inside]
    forks = [s.number for s in soma if sum(c.number in inside for c in children[s.number]) > 1]
    if len(soma) == 1 or (len(soma) == 3 and forks):
        return sphere(chain[0].point[:3], chain[0].point[3])
    if forks:
        raise _corrupt(
            path, "has a soma that forks", f"sample {forks[0]}", "need one sample, the three of "
            "NeuroMorpho.Org, or a chain.",
        )  # fmt: skip
    for s in chain:
        chain += [c for c in children[s.number] if c.number in inside]
    return Section("soma", _apart(path, [s.point for s in chain], chain[0]))


def _children(path: str | Path, samples: dict[int, _Sample]) -> dict[int, list[_Sample]]:
    """Return what leaves each sample, of a file that is one tree around one soma."""
    children: dict[int, list[_Sample]] = {n: [] for n in samples}
    roots = [s for s in samples.values() if s.parent < 0]
    for s in samples.values():
        if s.parent >= 0 and s.parent not in samples:
            raise _corrupt(path, "has a sample without its parent", f"parent {s.parent} of sample "
                           f"{s.number}", "need the id of a sample, or -1.")  # fmt: skip
        if s.parent >= 0:
            children[s.parent].append(s)
    if not any(s.kind == "soma" for s in samples.values()):
        raise _corrupt(path, "has no soma", f"{len(samples)} samples", "need one of type 1.")
    reached = list(roots)
    for s in reached:
        reached += children[s.number]
    if len(reached) < len(samples):
        circle = sorted(set(samples) - {s.number for s in reached})
        raise _corrupt(path, "has samples in a circle", f"{circle[:10]}", "need a tree.")
    begins = [s.number for s in samples.values() if s.kind == "soma"
              and (s.parent < 0 or samples[s.parent].kind != "soma")]  # fmt: skip
    if len(roots) != 1 or begins != [roots[0].number]:
        raise _corrupt(path, "is not one tree that begins in its soma", "beginnings "
                       f"{[s.number for s in roots]}, somata {begins}", "need one.")  # fmt: skip
    return children


def _read(path: Path) -> dict[int, _Sample]:
    samples: dict[int, _Sample] = {}
    for k, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            sample = _sample(path, k, words)
            if sample.number in samples:
                raise _corrupt(path, "has an id twice", f"{sample.number} in line {k}", "need each "
                               "id once.")  # fmt: skip
            samples[sample.number] = sample
    return samples


def _sample(path: Path, line: int, words: list[str]) -> _Sample:
    try:
        number, kind, parent = int(words[0]), int(words[1]), int(words[6])
        x, y, z, radius = (float(w) for w in words[2:6])
    except (ValueError, IndexError) as error:
        raise _corrupt(path, "has a line that is no sample", f"{' '.join(words)!r} in line {line}",
                       f"need seven numbers: {_COLUMNS}.") from error  # fmt: skip
    if kind not in _KINDS:
        listed = ", ".join(f"{k} {name}" for k, name in _KINDS.items())
        raise _corrupt(path, "has a type that is not known", f"{kind} in line {line}", f"known: "
                       f"{listed}. Give such samples one of these.")  # fmt: skip
    if radius <= 0 or not all(map(isfinite, (x, y, z, radius))):
        raise _corrupt(path, "has a sample without size or place", f"{' '.join(words)!r} in line "
                       f"{line}", "need finite numbers and a positive radius, um.")  # fmt: skip
    return _Sample(number, _KINDS[kind], (x, y, z, 2 * radius), parent)


def _corrupt(path: str | Path, problem: str, got: str, need: str) -> CorruptFile:
    return CorruptFile(f"SWC file {str(path)!r} {problem}: got {got}; {need}", got=got)
