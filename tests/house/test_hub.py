"""Records on a hub, over the real client in a process of its own, which reads the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livn.experiments import get, storage

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import Hub


@pytest.fixture
def hub():
    with Hub() as server:
        yield server


@pytest.fixture
def livn(hub, modules, tmp_path):
    """Runs a command of `livn systems` against the hub; xet, which it does not speak, is off."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(modules), *sys.path]),
        "HF_ENDPOINT": hub.address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_test",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }

    def run(*words, **more):
        done = subprocess.run(
            [sys.executable, "-m", "livn", "systems", *map(str, words)],
            capture_output=True, text=True, env={**environment, **more}, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


def test_record_goes_to_the_hub_and_comes_back_by_its_hash(livn, hub, tmp_path, modules):
    here, there = tmp_path / "here", tmp_path / "there"
    with storage(here):
        source = get("toys.counting", {"to": 1}).launch()
        first = get("toys.counting", {"to": 2}).launch()
        toy = get("toys.counting", {"to": 50}).launch()
        for used, user in ((source, first), (first, toy)):
            user.relate("uses", used)
    status, out, err = livn("--storage", here, "push", toy.hash, "me/results")
    assert (status, err) == (0, "")
    places = [f"records/counting/{each.hash}" for each in (toy, first, source)]
    assert out.splitlines() == [f"me/results/{place}" for place in places]
    assert hub.private["me/results"]
    sent = hub.repositories["me/results"]
    assert not any(path.endswith("/lock") for path in sent)
    rows = f"{places[0]}/rows.jsonl"
    assert sent[rows] == (toy.directory / "rows.jsonl").read_bytes()
    assert "PUT blob" in hub.asked

    assert livn("fetch", "me/results")[1].splitlines() == sorted(places)
    status, out, err = livn("--storage", there, "fetch", "me/results", toy.hash[:8])
    assert (status, err) == (0, "")
    assert out.split() == [toy.hash, str(there / "counting" / toy.hash)]
    with storage(there):
        fetched = get("toys.counting", {"to": 50})
        assert fetched.finished
        assert fetched.rows() == list(range(50))
        assert fetched.last_run() == toy.last_run()


def test_what_is_there_is_not_sent_again(livn, hub, tmp_path, modules):
    with storage(tmp_path):
        toy = get("toys.counting", {"to": 50}).launch()
    for _ in range(2):
        assert livn("--storage", tmp_path, "push", toy.hash, "me/results", "--public")[0] == 0
    assert hub.asked.count("PUT blob") == len(hub.blobs)
    assert not hub.private["me/results"]


def test_what_the_hub_refuses_is_told(livn, hub, tmp_path, modules):
    with storage(tmp_path):
        toy = get("toys.counting").launch()
        with pytest.raises(RuntimeError):
            get("toys.counting", {"to": 9, "fail_at": 1}).launch()
        failed = get("toys.counting", {"to": 9}).hash
    where = ("--storage", tmp_path)
    assert livn(*where, "push", toy.hash, "me/results")[0] == 0
    for status, words, message in (
        (1, ("fetch", "me/nothing", toy.hash), "repository 'me/nothing' of http"),
        (1, ("fetch", "nowhere", toy.hash), "repository has no such name: got 'nowhere'"),
        (128, ("fetch", "me/results", "0000"), "unknown record: got '0000'; 1 in me/results"),
        (1, ("push", failed, "me/results"), "is not finished"),
        (1, ("push", failed), "push needs a hash and owner/name"),
    ):
        found, _, err = livn(*where, *words)
        assert message in err, words
        assert (found, "Traceback" in err) == (status, False), words
    status, _, err = livn(*where, "fetch", "me/results", HF_ENDPOINT="http://127.0.0.1:9")
    assert status == 1
    assert "repository 'me/results' of http://127.0.0.1:9 cannot be used: got" in err


def test_record_that_is_another_is_refused_and_nothing_is_kept(livn, hub, tmp_path, modules):
    with storage(tmp_path / "here"):
        toy = get("toys.counting").launch()
    assert livn("--storage", tmp_path / "here", "push", toy.hash, "me/results")[0] == 0
    files = hub.repositories["me/results"]
    path = f"records/counting/{toy.hash}/model.json"
    files[path] = files[path].replace(toy.hash.encode(), b"0" * 16)
    status, _, err = livn("--storage", tmp_path / "there", "fetch", "me/results", toy.hash)
    assert status == 1
    assert "is not what it is called: got 0000000000000000" in err
    assert not list((tmp_path / "there").glob("*/*"))
