"""The same requests to a real Triton 2.51 and to this server: what both answered, and where they may differ.

    python differential.py record URL FILE     asks the server at URL and writes down its answers
    python differential.py compare ONE OTHER   says where two records differ beyond accepted.json
"""

import base64
import json
import pathlib
import re
import sys
import urllib.error
import urllib.request

import numpy as np

HERE = pathlib.Path(__file__).parent
LENGTH = "Inference-Header-Content-Length"
SIDE = 64


def picture():
    """An input that needs no picture file: a ramp."""
    return (np.arange(3 * SIDE * SIDE, dtype=np.float32).reshape(1, 3, SIDE, SIDE) % 256) / 255


def infer(**changes):
    """A request whose tensor is in binary, with some of it changed."""
    images = picture()
    tensor = changes.pop("tensor", images.tobytes())
    input = {"name": "images", "datatype": "FP32", "shape": list(images.shape), "parameters": {"binary_data_size": len(tensor)}}
    input.update(changes.pop("input", {}))
    head = {"id": "7", "inputs": [input], "outputs": [{"name": "output0", "parameters": {"binary_data": True}}], **changes}
    text = json.dumps({key: value for key, value in head.items() if value is not None}).encode()
    return text + tensor, {LENGTH: str(len(text))}


def in_json(**changes):
    images = picture()
    input = {"name": "images", "datatype": "FP32", "shape": list(images.shape), "data": images.ravel().tolist()}
    return json.dumps({"inputs": [input], **changes}).encode(), {}


def requests():
    """Name, method, path, and what goes with it."""
    infer_path = "/v2/models/n/infer"
    yield "server metadata", "GET", "/v2", (None, {})
    yield "live", "GET", "/v2/health/live", (None, {})
    yield "ready", "GET", "/v2/health/ready", (None, {})
    yield "model metadata", "GET", "/v2/models/n", (None, {})
    yield "model metadata of a version", "GET", "/v2/models/n/versions/1", (None, {})
    yield "model ready", "GET", "/v2/models/n/ready", (None, {})
    yield "model config", "GET", "/v2/models/n/config", (None, {})
    yield "index", "POST", "/v2/repository/index", (b"", {})
    yield "index of ready models", "POST", "/v2/repository/index", (b'{"ready": true}', {})
    yield "infer", "POST", infer_path, infer()
    yield "infer of a version", "POST", "/v2/models/n/versions/1/infer", infer()
    yield "infer without id", "POST", infer_path, infer(id=None)
    yield "infer without outputs", "POST", infer_path, infer(outputs=None)
    yield "infer with binary output by default", "POST", infer_path, infer(outputs=None, parameters={"binary_data_output": True})
    yield "infer with JSON output", "POST", infer_path, infer(outputs=[{"name": "output0"}])
    yield "infer in JSON", "POST", infer_path, in_json()
    yield "infer in JSON, binary output", "POST", infer_path, in_json(parameters={"binary_data_output": True})
    yield "statistics", "GET", "/v2/models/n/stats", (None, {})
    yield "all statistics", "GET", "/v2/models/stats", (None, {})
    yield "unknown model", "GET", "/v2/models/x", (None, {})
    yield "unknown model ready", "GET", "/v2/models/x/ready", (None, {})
    yield "unknown version", "GET", "/v2/models/n/versions/9", (None, {})
    yield "infer with an unknown model", "POST", "/v2/models/x/infer", infer()
    yield "infer with an unknown input", "POST", infer_path, infer(input={"name": "pictures"})
    yield "infer with an unknown output", "POST", infer_path, infer(outputs=[{"name": "boxes"}])
    yield "infer with another datatype", "POST", infer_path, infer(input={"datatype": "INT64"})
    yield "infer with another rank", "POST", infer_path, infer(input={"shape": [3, SIDE, SIDE]})
    yield "infer with a shape that needs more", "POST", infer_path, infer(input={"shape": [2, 3, SIDE, SIDE]})
    yield "infer with a binary size beyond the body", "POST", infer_path, infer(input={"parameters": {"binary_data_size": 10**9}})
    yield "infer without inputs", "POST", infer_path, (b'{"inputs": []}', {})
    yield "infer with bad JSON", "POST", infer_path, (b'{"inputs": [', {})
    yield "infer with no body", "POST", infer_path, (b"", {})
    yield "infer with a head longer than the body", "POST", infer_path, (b"{}", {LENGTH: "100"})
    yield "infer by GET", "GET", infer_path, (None, {})
    yield "load an unknown model", "POST", "/v2/repository/models/x/load", (b"", {})
    yield "load again", "POST", "/v2/repository/models/n/load", (b"", {})
    yield "unload an unknown model", "POST", "/v2/repository/models/x/unload", (b"", {})
    yield "unload", "POST", "/v2/repository/models/n/unload", (b"", {})
    yield "model ready after unloading", "GET", "/v2/models/n/ready", (None, {})
    yield "model metadata after unloading", "GET", "/v2/models/n", (None, {})
    yield "infer after unloading", "POST", infer_path, infer()
    yield "index after unloading", "POST", "/v2/repository/index", (b"", {})
    yield "unload again", "POST", "/v2/repository/models/n/unload", (b"", {})
    yield "load after unloading", "POST", "/v2/repository/models/n/load", (b"", {})
    yield "infer after loading", "POST", infer_path, infer()


def ask(url, method, path, body, headers):
    request = urllib.request.Request(url + path, data=body, method=method, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, dict(answer.headers.items()), answer.read()


def shape_of(value):
    """Keys and types of JSON; what varies between two runs of one server is left out."""
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return type(value).__name__


def record(url):
    answers = {}
    for name, method, path, (body, headers) in requests():
        status, got, content = ask(url, method, path, body, headers)
        got = {key.lower(): value for key, value in got.items()}
        entry = {"status": status, "content-type": got.get("content-type", "").split(";")[0]}
        length = got.get(LENGTH.lower())
        text, tensor = (content[: int(length)], content[int(length) :]) if length else (content, b"")
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = re.sub(r"\s+", " ", text.decode(errors="replace"))[:200]
        is_good_infer = status == 200 and "/infer" in path
        if is_good_infer:
            for output in parsed["outputs"]:
                # Which boxes they are is for other tests; that they are rows in the form of the protocol is for this one.
                data = output.pop("data", None)
                if data is not None:
                    output["numbers"] = len(data)
            entry["body"] = parsed
            entry["tensor bytes"] = len(tensor)
        elif "stats" in path or name == "server metadata" or "config" in name:
            entry["shape"] = shape_of(parsed)
        elif status >= 400:
            entry["shape"] = shape_of(parsed)
        else:
            entry["body"] = parsed
        answers[name] = entry
        if name == "unload":
            settle(url)
    return answers


def settle(url):
    """Triton's unload goes on after its answer; the next requests are about what comes of it."""
    import time

    for _ in range(200):
        _, _, content = ask(url, "POST", "/v2/repository/index", b"", {})
        if "UNLOADING" not in content.decode():
            return
        time.sleep(0.1)


def flatten(value, path=""):
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from flatten(each, f"{path}/{key}")
    else:
        yield path, value


def differences(ours, other):
    """Request and field, and what the two have there."""
    for name in sorted(ours.keys() | other.keys()):
        one, two = dict(flatten(ours.get(name, {}))), dict(flatten(other.get(name, {})))
        for field in sorted(one.keys() | two.keys()):
            if one.get(field) != two.get(field):
                yield f"{name}: {field}", one.get(field), two.get(field)


def unaccepted(ours, other):
    """Differences without a reason in accepted.json, and reasons without a difference."""
    accepted = json.loads((HERE / "accepted.json").read_text())
    used = set()
    found = []
    for where, one, two in differences(ours, other):
        reasons = [entry for entry in accepted if re.fullmatch(entry["where"], where)]
        for entry in reasons:
            used.add(entry["where"])
        # What a successful answer holds is never up for discussion.
        if not reasons or where.startswith("infer") and two == 200 != one:
            found.append(f"{where}: here {one!r}, Triton {two!r}")
    unused = [entry["where"] for entry in accepted if entry["where"] not in used]
    return found, unused


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["record", url, file]:
            pathlib.Path(file).write_text(json.dumps(record(url), indent=1, sort_keys=True) + "\n")
        case ["compare", one, other]:
            found, unused = unaccepted(*(json.loads(pathlib.Path(file).read_text()) for file in (one, other)))
            print("\n".join([*found, *(f"accepted, but no difference any more: {where}" for where in unused)]))
            sys.exit(1 if found or unused else 0)
        case _:
            sys.exit(__doc__)
