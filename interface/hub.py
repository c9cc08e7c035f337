"""Records and datasets on a Hugging Face hub: pushed in one commit each, fetched by hash."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from machinable import Index, Storage
from machinable.utils import is_machinable_directory

from experiments.component import Component
from experiments.lock import LOCK
from interface.records import record, the_one
from livn import settings
from livn.errors import CorruptFile, InvalidValue, LivnError, NotSupported

FOLDER = "records"  # of a repository; below it <component>/<hash>, as in a storage
KIND = "dataset"


class HubError(LivnError, OSError):
    """The hub did not do what it was asked."""


def push(component: Component, repository: str, public: bool = False) -> list[str]:
    """Copy a finished record, and all it comes from, to a repository of the hub.

    What is there already is not sent again.

    Args:
        component: the record.
        repository: `owner/name`, made where there is none.
        public: whether a repository that is made can be read by all.

    Returns:
        The directories in the repository.

    Raises:
        InvalidState: if the record is not finished.
        HubError: if the hub refuses or cannot be reached.
    """
    component.require_finished()
    pushed = []
    for each in _lineage(component):
        place = f"{FOLDER}/{each.directory.parent.name}/{each.hash}"
        push_folder(each.directory, repository, place, f"Add {each.label_text()}", public)
        pushed.append(place)
    return pushed


def _lineage(component: Component) -> list[Component]:
    """Return a record and those it uses, with what they use in turn, each once."""
    found = [component]
    for each in found:  # which grows meanwhile
        known = {record.hash for record in found}
        uses = [used for used in each.uses if isinstance(used, Component)]
        found += [used for used in uses if used.hash not in known]
    return found


def push_folder(
    folder: str | Path, repository: str, inside: str = "", message: str = "", public: bool = False
) -> None:
    """Copy the files of a folder to a repository of the hub, in one commit.

    Args:
        folder: what is sent, without locks and half-written files.
        repository: `owner/name`, made where there is none.
        inside: where it goes in the repository; empty for its top, as a dataset wants it.
        message: of the commit.
        public: whether a repository that is made can be read by all.

    Raises:
        HubError: if the hub refuses or cannot be reached.
    """
    check_name(repository)
    files = [p for p in sorted(Path(folder).rglob("*")) if p.is_file() and p.name != LOCK]
    with told_of(repository):
        from huggingface_hub import CommitOperationAdd

        api = _api()
        api.create_repo(repository, repo_type=KIND, exist_ok=True, private=not public)
        added = [
            CommitOperationAdd(str(PurePosixPath(inside, *p.relative_to(folder).parts)), str(p))
            for p in files
        ]
        api.create_commit(
            repository, added, repo_type=KIND, commit_message=message or f"Add {inside or folder}"
        )


def fetch(repository: str, identity: str) -> Component:
    """Copy a record from a repository of the hub into the storage, and return it.

    Args:
        repository: `owner/name`.
        identity: hash, or enough of its beginning.

    Raises:
        UnknownRecord: if it is not there, with the nearest.
        InvalidValue: if several are.
        CorruptFile: if what is there is not that record.
        HubError: if the hub refuses or cannot be reached.
    """
    place = _find(repository, identity)
    target = Path(Storage.get().root(), *PurePosixPath(place).parts[1:])
    if is_machinable_directory(str(target)):
        return record(target.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=".") as scratch:
        with told_of(repository):
            from huggingface_hub import snapshot_download

            snapshot_download(
                repository, repo_type=KIND, local_dir=scratch, allow_patterns=f"{place}/**",
                endpoint=settings.hub_endpoint(),
            )  # fmt: skip
        fetched = Path(scratch, place)
        _check(fetched, repository)
        shutil.move(fetched, target)
    Index.get().ingest_directory(str(target))
    return record(target.name)


def listed(repository: str) -> list[str]:
    """Return the directories of the records in a repository, `records/<component>/<hash>`.

    Raises:
        HubError: if the hub refuses or cannot be reached.
    """
    check_name(repository)
    with told_of(repository):
        files = _api().list_repo_files(repository, repo_type=KIND)
    parts = [PurePosixPath(name).parts for name in files]
    return sorted({"/".join(p[:3]) for p in parts if len(p) > 3 and p[0] == FOLDER})


def check_name(repository: str) -> None:
    """Check that a repository is called `owner/name`.

    Raises:
        InvalidValue: if not.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise InvalidValue(
            f"repository has no such name: got {repository!r}; need owner/name.", got=repository
        )


@contextmanager
def told_of(repository: str) -> Iterator[None]:
    """Tell what the hub says in the words of livn.

    Raises:
        NotSupported: if huggingface_hub is not installed.
        HubError: if the hub refuses or cannot be reached.
    """
    try:
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    except ImportError:
        raise NotSupported("no hub client is installed: pip install 'livn[hub]'.") from None
    try:
        yield
    except (OSError, HTTPError) as problem:
        said = " ".join(str(problem).split())
        where = settings.hub_endpoint() or "huggingface.co"
        raise HubError(
            f"repository {repository!r} of {where} cannot be used: got {said}. "
            "Check its name, the network, and `hf auth login`.",
            got=said,
        ) from problem


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=settings.hub_endpoint())


def _find(repository: str, identity: str) -> str:
    places = {place.rpartition("/")[2]: place for place in listed(repository)}
    return places[the_one(identity, places, repository)]


def _check(directory: Path, repository: str) -> None:
    """Check that a fetched directory is the finished record it is called."""
    try:
        model = json.loads((directory / "model.json").read_text("utf-8"))
        if model["uuid"] == directory.name and (directory / "cached").exists():
            return
    except (OSError, ValueError, KeyError):
        model = None
    raise CorruptFile(
        f"record {directory.name} of {repository} is not what it is called: got "
        f"{'no readable model.json' if model is None else model['uuid']}. Push it again.",
        got=directory.name,
    )
