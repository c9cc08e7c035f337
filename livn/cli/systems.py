"""`livn systems [context key=value] component ~version key=value --method`: run an experiment."""

import ast
import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from livn.cli.output import print_table
from livn.cli.records import VERBS
from livn.errors import InvalidValue, unknown_names

USAGE = """usage: livn systems [--storage DIR] [--json] [context [key=value]] component
                    [~version] [key=value] [--method]

  livn systems survey system=EI2 ~native --launch
  livn systems help survey                          options, versions and methods
"""


def systems(words: Sequence[str]) -> int:
    """Carry out `livn systems <words>` and return the exit status.

    Raises:
        UnknownName: if a word is no component, context, option, version or method.
        LivnError: if the run failed.
    """
    from livn.experiments import importable, storage

    importable()
    from experiments.progress import use

    with ExitStack() as stack:
        words = list(words)
        directory = _taken(words, "--storage", has_value=True)
        if _taken(words, "--json"):
            stack.enter_context(use("json"))
        if not words or words[0] in {"help", "-h", "--help"}:
            return help_on(words[1] if words[1:] else None)
        stack.enter_context(storage(directory))
        if words[0] in VERBS:
            return VERBS[words[0]][0](words[1:])
        return _carry_out(words)


def help_on(name: str | None) -> int:
    """Print the components there are, or the options, versions and methods of one."""
    from interface.resolve import CONTEXTS, components

    if name is None:
        print(USAGE)
        print_table(("component", ""), components().items())
        print_table(("context", ""), CONTEXTS.items())
        print_table(("of records", ""), [(name, about) for name, (_, about) in VERBS.items()])
        return 0
    from interface.describe import methods, options, versions_of
    from interface.resolve import component_class

    component = component_class(name)
    print(f"{name}: {(component.__doc__ or '').splitlines()[0]}\n")
    print_table(("option", "default", ""), options(component))
    print_table(("version", ""), versions_of(component))
    print_table(("method", ""), methods(component))
    return 0


def _carry_out(words: Sequence[str]) -> int:
    """Make the component that the words describe and call its methods."""
    from machinable.cli import parse

    from interface.resolve import component, full_name

    elements, extras, calls = parse(list(words))
    if not elements or not isinstance(elements[0][0], str):
        raise InvalidValue(
            f"no component is named: got {' '.join(words)!r}. See livn systems help."
        )
    names = [full_name(name) for name, *_ in elements]
    _give_to_context(extras)
    made = [component(name, e[1:], **x) for name, e, x in zip(names, elements, extras, strict=True)]
    for each in made:
        assert each.config is not None  # checked before anything is run
    *contexts, target = made
    called = [_call(target, text) for _, text in calls]
    launches = any(call.name == "launch" for call in called)
    if launches and not _launch(target, contexts):
        return 0
    if contexts and not launches:
        raise InvalidValue(f"{names[0]} has nothing to run: got no --launch. Add it.")
    after = [call for call in called if call.name != "launch"]
    for member in _members(target):
        if after and not member.finished and not all(context.waits for context in contexts):
            print(_later(member, after))
            continue
        for call in after:
            _print_answer(getattr(member, call.name)(*call.arguments, **call.options))
    if launches or not called:
        for member in _members(target):
            _print_record(member)
    return 0


def _launch(target: Any, contexts: Sequence[Any]) -> bool:
    """Run what is not finished, and return whether this process says what came of it."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        target.launch()
    return all(context.tells for context in contexts)


def _members(target: Any) -> list[Any]:
    """Return the records that are meant: several of an axis."""
    if not target.is_unexpanded():
        return [target]
    return [each for member in target.expand() for each in _members(member)]


def _later(component: Any, calls: Sequence["Call"]) -> str:
    """Say of a record that a job computes how its methods are called when it is done."""
    from machinable import Storage

    words = ["livn", "systems", "--storage", Storage.get().root(), *component.words()]
    command = shlex.join([*map(str, words), *(f"--{call.text}" for call in calls)])
    return f"{component.label_text()} is not finished yet. When it is: {command}"


def _give_to_context(extras: list[dict[str, Any]]) -> None:
    """Give `**resources`, which may be written after the component, to the context before it."""
    unknown = [f"**{name}" for extra in extras for name in extra if name != "resources"]
    if unknown:
        raise unknown_names("setting of a context", unknown, ["**resources"])
    given = extras[-1].pop("resources", None)
    if given is None:
        return
    if len(extras) < 2:
        raise InvalidValue(
            f"**resources are of a scheduler: got {given!r} without one. "
            "Put a context before the component: livn systems slurm ..."
        )
    extras[-2]["resources"] = {**extras[-2].get("resources", {}), **given}


@dataclass(frozen=True)
class Call:
    """A method to call: its name, with what, and the text that says so."""

    name: str
    text: str
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def _call(component: Any, text: str) -> Call:
    """Return the call that `--method` or `--method(1, x=2)` means, checked."""
    from interface.describe import methods

    name, bracket, _ = text.partition("(")
    known = dict(methods(type(component)))
    if f"--{name}" not in known:
        raise unknown_names("method", [f"--{name}"], known)
    if not bracket:
        return Call(name, text)
    try:
        (node,) = ast.parse(text).body
        call = node.value  # type: ignore[attr-defined]
        arguments = [ast.literal_eval(a) for a in call.args]
        options = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, AttributeError):
        raise InvalidValue(
            f"arguments of --{name} cannot be read: got {text!r}; need values as Python writes "
            f"""them. Quote texts: '--{name}("file.json")'.""",
            got=text,
        ) from None
    return Call(name, text, arguments, options)


def _print_answer(answer: Any) -> None:
    if isinstance(answer, dict | list):
        print(json.dumps(answer, indent=2, default=str))
    elif answer is not None:
        print(answer)


def _print_record(component: Any) -> None:
    """Print what a script needs to go on: the hash of a record, its state, its directory."""
    from experiments.progress import chosen_output

    if component.is_materialized():
        state = "finished" if component.finished else "not finished"
        where = str(component.directory)
    else:
        state, where = "not computed", f"{component.command()} --launch"
    if chosen_output() == "json":
        event = {"event": "record", "hash": component.hash, "state": state, "where": where}
        print(json.dumps(event))
    else:
        print(f"{component.hash}  {state}  {where}")


def _taken(words: list[str], option: str, has_value: bool = False) -> str | None:
    """Take an option out of the words and return its value, or the option where it has none."""
    for position, word in enumerate(words):
        name, is_equal, value = word.partition("=")
        if name != option:
            continue
        del words[position]
        if not has_value:
            return option
        if is_equal:
            return value
        if position == len(words):
            raise InvalidValue(f"{option} has no value: got nothing after it. Name a directory.")
        return words.pop(position)
    return None
