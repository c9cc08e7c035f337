"""The house rules of the source: who imports whom, how large a thing may be, what is documented."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = sorted((ROOT / "livn").rglob("*.py"))
# Above the package, under the same rules: what is asked of cultures, and how it is run.
ABOVE = ("experiments", "interface")
FILES = ROOMS + sorted(f for folder in ABOVE for f in (ROOT / folder).rglob("*.py"))
MODULES = {".".join(f.relative_to(ROOT).with_suffix("").parts): f for f in ROOMS}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# A room imports only rooms of the tiers before its own.
TIERS = [
    {"errors"},
    {"units"},
    {"arrays", "random", "settings"},
    {"run", "stimulus", "mpi"},
    {"models", "io", "workers"},
    {"system"},  # names the model and the electrode array that its files ask for
    {"types"},
    {"backend"},
    {"env"},
    {"decoding", "encoding", "fit", "plots", "export"},
    {"experiments"},
    {"tasks", "cli"},
    {"__main__"},
]
TIER = {room: tier for tier, rooms in enumerate(TIERS) for room in rooms}
SIMULATORS = {"brian2", "diffrax", "equinox", "jax", "numba", "neuron"}
# Packages so heavy, or so often absent, that a function may import them; those of ABOVE are
# found only after livn.experiments has looked for them.
LATE = {*SIMULATORS, *ABOVE} | {
    "fsspec",
    "gymnasium",
    "matplotlib",
    "mpi4py",
    "optuna",
    "probeinterface",
    "scipy",
    "sympy",
}
# Where what a task or the work of a component raised, whatever it is, is handed on.
BOUNDARIES = {
    ROOT / "livn" / "workers" / "outcome.py",
    ROOT / "experiments" / "component.py",
}
CALLED_BY_SYMPY = {"eval", "fdiff"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported anywhere below `node`."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: relative import"
            for alias in child.names:
                full = f"{child.module}.{alias.name}"
                part = child.module == "livn" or {full, f"{full}.__init__"} & set(MODULES)
                yield child.lineno, full if part else str(child.module)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def room(name: str) -> str:
    """The room of a dotted livn name, "__init__" for the package itself."""
    return (name.split(".") + ["__init__"])[1]


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def rooms_imported() -> Iterator[tuple[str, Path, int, str]]:
    """(importing module, its file, line, imported livn module)."""
    for module, path in MODULES.items():
        for line, name in imports(tree(path)):
            if name.split(".")[0] == "livn":
                yield module, path, line, name


def test_every_room_has_a_tier():
    assert {room(m) for m in MODULES} - {"__init__"} <= set(TIER)


def test_rooms_import_only_lower_tiers():
    wrong = [
        f"{where(path, line)} imports {name}"
        for module, path, line, name in rooms_imported()
        if room(module) not in {"__init__", room(name)}
        and TIER.get(room(name), TIER["cli"] - 1) >= TIER[room(module)]  # `livn` itself: cli only
    ]
    assert not wrong, "\n".join(wrong)


def test_importing_the_package_imports_no_room():
    wrong = subprocess.check_output(
        [sys.executable, "-c", "import livn, sys; print([m for m in sys.modules if 'livn.' in m])"],
        text=True,
    )
    assert wrong.strip() == "[]"


def test_backends_do_not_import_each_other():
    folders = {p.name for p in (ROOT / "livn" / "backend").iterdir() if p.is_dir()}
    wrong = [
        f"{where(path, line)} imports {name}"
        for module, path, line, name in rooms_imported()
        if module.startswith("livn.backend.") and name.startswith("livn.backend.")
        for mine, other in [(module.split(".")[2], name.split(".")[2])]
        if other in folders and mine != other
    ]
    assert not wrong, "\n".join(wrong)


def test_simulators_are_imported_by_backends_only():
    wrong = [
        f"{where(path, line)} imports {name}"
        for module, path in MODULES.items()
        if room(module) != "backend"
        for line, name in imports(tree(path))
        if name.split(".")[0] in SIMULATORS - {"jax"}  # arrays may be jax's without a simulator
    ]
    assert not wrong, "\n".join(wrong)


def test_lowering_imports_sympy_and_models_only():
    allowed = {"errors", "units", "models"}
    wrong = []
    for path in (ROOT / "livn" / "backend").glob("*/lower*.py"):
        for line, name in imports(tree(path)):
            top = name.split(".")[0]
            fine = room(name) in allowed if top == "livn" else top == "sympy"
            if not (fine or top in sys.stdlib_module_names):
                wrong.append(f"{where(path, line)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_imports_inside_functions_are_of_heavy_packages():
    wrong = []
    for module, path in MODULES.items():
        if room(module) == "cli":
            continue
        for function in functions(path):
            for line, name in imports(function):
                if name.split(".")[0] not in LATE:
                    wrong.append(f"{where(path, line)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_third_party_imports_are_declared():
    extras = PROJECT["optional-dependencies"]
    declared = {
        _normal(re.split(r"[^\w.-]", requirement)[0])
        for requirement in PROJECT["dependencies"] + [r for rs in extras.values() for r in rs]
    }
    distributions = packages_distributions()
    wrong = []
    for path in FILES:
        for line, name in imports(tree(path)):
            top = name.split(".")[0]
            found = set(map(_normal, distributions.get(top, [top])))
            if top not in sys.stdlib_module_names | {"livn", *ABOVE} and not found & declared:
                wrong.append(f"{where(path, line)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_extras_that_messages_advise_exist():
    advised = {e for path in FILES for e in re.findall(r"livn\[(\w+)\]", path.read_text("utf-8"))}
    assert advised <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("start", ["livn", "livn.cli", "livn.env", "livn.backend"])
def test_no_simulator_is_imported_before_its_backend_is_chosen(start):
    heavy = sorted(SIMULATORS | {"matplotlib"})
    code = f"import sys, {start}; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize(
    ("words", "rooms"),
    [
        (r"environ\b|environb|getenv", {"settings"}),
        (r"\bprint\(", {"cli"}),
        (r"import machinable|from machinable", {"cli", "experiments"}),
        (r"\bhasattr\(", set()),
    ],
)
def test_words_stay_in_their_rooms(words, rooms):
    wrong = [
        where(path, number)
        for module, path in MODULES.items()
        if room(module) not in rooms
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(words, line)
    ]
    assert not wrong, "\n".join(wrong)


def test_files_have_at_most_400_lines():
    lengths = {where(p, n): n for p in FILES for n in [len(p.read_text("utf-8").splitlines())]}
    assert not {k: n for k, n in lengths.items() if n > 400}


def test_function_bodies_have_at_most_40_lines():
    wrong = []
    for path in FILES:
        for function in functions(path):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            if length > 40:
                wrong.append(f"{where(path, function.lineno)} {function.name}: {length}")
    assert not wrong, "\n".join(wrong)


def test_public_names_have_docstrings():
    wrong = []
    for path in FILES:
        if not ast.get_docstring(tree(path)):
            wrong.append(where(path, 1))
        wrong += [f"{where(path, n.lineno)} {n.name}" for n in _undocumented(tree(path))]
    assert not wrong, "\n".join(wrong)


def test_no_handler_catches_everything():
    wrong = [
        where(path, node.lineno)
        for path in set(FILES) - BOUNDARIES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & set(_names(node.type)))
    ]
    assert not wrong, "\n".join(wrong)


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _names(node: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]


def _undocumented(owner: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in owner.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(d).split(".")[-1] for d in node.decorator_list}
        exempt = decorators & {"overload", "override", "setter"} or node.name in CALLED_BY_SYMPY
        if not ast.get_docstring(node) and not exempt:
            yield node
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node)
