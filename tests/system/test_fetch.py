"""Systems from elsewhere, and predefined ones."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from livn.errors import CorruptFile, NotSupported
from livn.system import UnknownSystem, content_hash, fetch, make, place, predefined


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(directory):
    """Address of a web server on this machine whose root holds the small culture."""
    handler = partial(Quiet, directory=str(directory.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_directory_is_copied(directory, tmp_path, prefix):
    (directory / "params").mkdir()
    (directory / "params" / "default.json").write_text("{}")
    copy = fetch(f"{prefix}{directory}/", tmp_path / "copies")
    assert copy == str(tmp_path / "copies" / "tiny")
    assert content_hash(copy) == content_hash(directory)
    assert make(copy).load_file("params/default.json") == {}


def test_name_may_be_chosen(directory, tmp_path):
    assert make(fetch(directory, tmp_path / "copies", name="mine")).name == "mine"


def test_system_comes_over_http(server, directory, tmp_path):
    copy = fetch(f"{server}/tiny", tmp_path / "copies")
    assert content_hash(copy) == content_hash(directory)
    assert make(copy).default_io().num_channels == 1


def test_complete_system_is_not_fetched_again(directory, tmp_path):
    copy = fetch(directory, tmp_path / "copies")
    shutil.rmtree(directory)
    assert fetch(directory, tmp_path / "copies") == copy
    with pytest.raises(ValueError, match="source holds no system"):
        fetch(directory, tmp_path / "copies", force=True)
    assert make(copy).num_neurons == 5  # a failed fetch leaves what was there


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_incomplete_system_is_fetched_again(directory, tmp_path, damage):
    copy = tmp_path / "copies" / "tiny"
    fetch(directory, copy.parent)
    if damage == "missing":
        (copy / "cells.h5").unlink()
    else:
        (copy / "cells.h5").write_bytes((copy / "cells.h5").read_bytes()[:-500])
    fetch(directory, copy.parent)
    assert content_hash(copy) == content_hash(directory)
    assert [path.name for path in copy.parent.iterdir()] == ["tiny"]


def test_truncated_source_leaves_nothing(server, directory, tmp_path):
    path = directory / "connections.h5"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(CorruptFile, match=r"source is not usable: got 'http.*connections\.h5"):
        fetch(f"{server}/tiny", tmp_path / "copies")
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize("missing", ["graph.json", "cells.h5"])
def test_source_without_a_system_is_refused(server, directory, tmp_path, missing):
    (directory / missing).unlink()
    with pytest.raises(ValueError, match=missing.replace(".", r"\.")):
        fetch(f"{server}/tiny", tmp_path / "copies")


def test_other_directories_are_not_copied(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secret").write_text("x")
    with pytest.raises(ValueError, match="source holds no system: got '.*home', where nothing"):
        fetch(tmp_path / "home", tmp_path / "copies")


@pytest.mark.parametrize("source", ["", "/", "http://", "https://host/.."])
def test_source_without_a_name_is_refused(tmp_path, source):
    with pytest.raises(ValueError, match="system has no usable name"):
        fetch(source, tmp_path)


def test_unknown_protocol_is_refused(tmp_path):
    with pytest.raises(NotSupported, match="source cannot be reached: got 'gopher://x/EI1'"):
        fetch("gopher://x/EI1", tmp_path)


class Rank:
    """One rank of a communicator of two, which share a list."""

    def __init__(self, rank, mail):
        self.rank, self.mail = rank, mail

    def Get_rank(self):
        return self.rank

    def bcast(self, value, root):
        if self.rank == root:
            self.mail.append(value)
        return self.mail[-1]


def test_rank_0_fetches_for_all(directory, tmp_path):
    mail = []
    first = fetch(directory, tmp_path / "copies", comm=Rank(0, mail))
    shutil.rmtree(directory)
    assert fetch(directory, tmp_path / "copies", comm=Rank(1, mail)) == first


def test_failure_of_rank_0_reaches_all(tmp_path):
    mail = []
    with pytest.raises(ValueError, match="source holds no system"):
        fetch(tmp_path / "none", tmp_path / "copies", comm=Rank(0, mail))
    with pytest.raises(RuntimeError, match="rank 0 could not fetch the system"):
        fetch(tmp_path / "none", tmp_path / "copies", comm=Rank(1, mail))


def test_predefined_system_is_made_once(cache):
    path = predefined("EI1")
    assert path.startswith(str(cache / "systems" / "graphs"))
    assert make("EI1").uri == path
    assert make().name == "EI1"
    assert make("EI1").num_neurons == 10
    (cache / "note").write_text("")
    marker = make("EI1").local_directory("marker")
    open(marker, "w").close()
    predefined("EI1")
    assert make("EI1").load_file("marker") == ""
    predefined("EI1", force=True)
    assert make("EI1").load_file("marker", default=None) is None


def test_predefined_system_goes_where_asked(tmp_path):
    assert predefined("EI1", tmp_path) == str(tmp_path / "systems" / "graphs" / "EI1")


def test_broken_predefined_system_is_made_again(tmp_path):
    path = tmp_path / "systems" / "graphs" / "EI1"
    predefined("EI1", tmp_path)
    (path / "cells.h5").unlink()
    assert make(predefined("EI1", tmp_path)).num_neurons == 10


def test_predefined_system_may_come_from_a_source(server, cache):
    path = predefined("EI1", source=f"{server}/tiny")
    assert make(path).num_neurons == 5
    assert make("EI1").num_neurons == 10  # the two do not share a place


def test_make_takes_an_address(server, cache):
    system = make(f"{server}/tiny")
    assert system.name == "tiny"
    assert system.uri.startswith(str(cache))


def test_unknown_system_names_the_nearest():
    for ask in (predefined, make):
        with pytest.raises(ValueError, match=r"got 'EI11' \(did you mean 'EI1'\?\)"):
            ask("EI11")
        with pytest.raises(KeyError, match="known: .*EI1, EI2, EI3, EI4"):
            ask("EI11")


def test_directory_of_a_name_needs_its_path(directory, cache, monkeypatch):
    other = directory.parent / "EI1"
    directory.rename(other)
    monkeypatch.chdir(other.parent)
    assert make("EI1").num_neurons == 10
    assert make("./EI1").num_neurons == 5


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(CorruptFile, match="system directory is missing: got '.*/nowhere'"):
        make(str(tmp_path / "nowhere"))


def test_provenance_is_not_needed(directory):
    (directory / "provenance.json").unlink()
    assert json.dumps(make(directory).summary())


def test_place_of_an_unknown_system_is_refused():
    with pytest.raises(UnknownSystem, match="unknown system: got 'EI9'"):
        place("EI9")
