"""A small hub: the requests that huggingface_hub makes to create, commit, list and download.

Repositories live in memory: {name: {path: content}}. Large files come by git LFS, batch then PUT,
as the hub does it for clients without xet.
"""

import base64
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import yaml

LARGE = 1000  # bytes from which a file goes by LFS


class Hub(ThreadingHTTPServer):
    """The server; `asked` lists every request it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories, self.blobs, self.private, self.asked = {}, {}, {}, []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *raised):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"POST {self.path}")
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            return self.create(json.loads(content))
        if path == "/api/validate-yaml":
            return self.validate(json.loads(content)["content"])
        name, rest = self.named(path, r"(?:/api)?/datasets/([^/]+/[^/]+?)(?:\.git/info)?/(.*)")
        if rest.startswith("preupload/"):
            return self.answer({"files": [
                {"path": f["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if f["size"] >= LARGE else "regular"}
                for f in json.loads(content)["files"]
            ]})  # fmt: skip
        if rest == "lfs/objects/batch":
            return self.batch(json.loads(content))
        if rest.startswith("commit/"):
            return self.commit(name, [json.loads(line) for line in content.splitlines()])
        return self.answer({"error": f"not spoken: {self.path}"}, 404)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(content).hexdigest() == oid
        self.server.blobs[oid] = content
        self.server.asked.append("PUT blob")
        return self.answer({})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        path = unquote(self.path.split("?")[0])
        name, rest = self.named(path, r"(?:/api)?/datasets/([^/]+/[^/]+)(?:/(.*))?")
        files = self.server.repositories.get(name)
        if files is None:
            return self.answer(
                {"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"}
            )
        resolved = re.match(r"resolve/[^/]+/(.*)", rest or "")
        if resolved:
            return self.resolve(files, resolved[1])
        if (rest or "").startswith("tree/"):
            return self.answer([entry(p, c) for p, c in sorted(files.items())])
        siblings = [{"rfilename": p} for p in sorted(files)]
        return self.answer({"id": name, "sha": revision(files), "siblings": siblings,
                            "private": self.server.private[name], "tags": []})  # fmt: skip

    def named(self, path, pattern):
        match = re.fullmatch(pattern, path)
        return (match[1], match[2]) if match else ("", "")

    def validate(self, card):
        """Answer as for a card whose front matter is a mapping, or is not."""
        front = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
        if front and isinstance(yaml.safe_load(front[1]), dict):
            return self.answer({"errors": [], "warnings": []})
        return self.answer({"errors": [{"message": "no mapping"}], "warnings": []}, 400)

    def create(self, wanted):
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.server.repositories:
            return self.answer(
                {"error": "exists", "url": f"{self.server.address}/datasets/{name}"}, 409
            )
        self.server.repositories[name] = {}
        self.server.private[name] = wanted.get("private") or wanted.get("visibility") == "private"
        return self.answer({"url": f"{self.server.address}/datasets/{name}"})

    def batch(self, wanted):
        objects = []
        for each in wanted["objects"]:
            there = each["oid"] in self.server.blobs
            upload = {"href": f"{self.server.address}/blobs/{each['oid']}", "header": {}}
            objects.append({**each, **({} if there else {"actions": {"upload": upload}})})
        return self.answer({"transfer": "basic", "objects": objects})

    def commit(self, name, lines):
        files = self.server.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
        oid = revision(files)
        address = f"{self.server.address}/datasets/{name}"
        return self.answer(
            {"commitUrl": f"{address}/commit/{oid}", "commitOid": oid, "success": True}
        )

    def resolve(self, files, path):
        if path not in files:
            return self.answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        content = files[path]
        self.send_response(200)
        self.send_header("X-Repo-Commit", revision(files))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
        return None

    def answer(self, document, status=200, headers=None):
        content = json.dumps(document).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def entry(path, content):
    """A file as the tree endpoint tells it."""
    return {"type": "file", "path": path, "size": len(content),
            "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}  # fmt: skip


def revision(files):
    """A commit hash that changes with the content."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
