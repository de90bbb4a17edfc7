"""What Triton 2.51 answered, recorded, against what this server answers now."""

import json

import differential
from conftest import WEIGHTS, Server


def test_answers_differ_from_tritons_only_where_that_is_accepted():
    server = Server("--model", f"n={WEIGHTS}", "--shutdown-delay", "0")
    ours = differential.record(server.url)
    assert server.end() == 0
    recorded = json.loads((differential.HERE / "triton/recorded.json").read_text())
    found, unused = differential.unaccepted(ours, recorded)
    assert not found, "\n".join(found)
    assert not unused, f"accepted, but no difference any more: {unused}"
