"""tritonclient, over HTTP and gRPC: the three datatypes, async, streaming, repository, statistics."""

import queue

import cv2
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException

from conftest import WEIGHTS, Server, check
from letterbox import letterbox


@pytest.fixture(params=["http", "grpc"])
def triton(request, server):
    """The module and a client of it."""
    module, address = {"http": (over_http, server.http), "grpc": (over_grpc, server.grpc)}[request.param]
    client = module.InferenceServerClient(address)
    yield module, client
    client.close()


def tensor(module, datatype, array):
    images = module.InferInput("images", list(array.shape), datatype)
    images.set_data_from_numpy(array)
    return [images]


def as_bytes(street, count=1):
    return np.array([street] * count, dtype=object)


def rgb(street):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(street, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_encoded_pictures_give_the_boxes_of_run(triton, street, expected):
    module, client = triton
    rows = client.infer("n", tensor(module, "BYTES", as_bytes(street, 2))).as_numpy("output0")
    assert rows.shape == (2, 300, 6)
    for each in rows:
        check(each, expected)


def test_pixels_give_the_boxes_of_run(triton, street, expected):
    module, client = triton
    pixels = rgb(street)[None]
    outputs = [module.InferRequestedOutput("output0")]
    answer = client.infer("n", tensor(module, "UINT8", pixels), outputs=outputs, request_id="7", model_version="1")
    check(answer.as_numpy("output0")[0], expected)
    got = answer.get_response()
    assert (got["id"] if isinstance(got, dict) else got.id) == "7"


def test_letterboxed_inputs_give_boxes_in_pixels_of_the_input(triton, street, expected):
    module, client = triton
    input, (gain, left, top) = letterbox(rgb(street))
    rows = client.infer("n", tensor(module, "FP32", input)).as_numpy("output0")[0]
    kept = rows[rows[:, 4] > 0.25]
    boxes = (kept[:, :4] - [left, top, left, top]) / gain
    # A square input has other borders than the smallest one that `run` uses: nearly the same boxes.
    near = sum(
        any(int(row[5]) == found["class"] and np.abs(box - found["box"]).max() < 12 for row, box in zip(kept, boxes))
        for found in expected
    )
    assert near >= len(expected) - 2


def test_json_without_binary_gives_the_same(server, street, expected):
    client = over_http.InferenceServerClient(server.http)
    pixels = np.full((1, 32, 32, 3), 114, np.uint8)
    images = over_http.InferInput("images", [1, 32, 32, 3], "UINT8")
    images.set_data_from_numpy(pixels, binary_data=False)
    outputs = [over_http.InferRequestedOutput("output0", binary_data=False)]
    written = client.infer("n", [images], outputs=outputs).as_numpy("output0")
    binary = client.infer("n", tensor(over_http, "UINT8", pixels)).as_numpy("output0")
    assert np.array_equal(written, binary)


def test_requests_may_be_asynchronous(server, street, expected):
    with over_http.InferenceServerClient(server.http, concurrency=4) as client:
        asked = [client.async_infer("n", tensor(over_http, "BYTES", as_bytes(street))) for _ in range(8)]
        for each in asked:
            check(each.get_result().as_numpy("output0")[0], expected)
    answers = queue.Queue()
    with over_grpc.InferenceServerClient(server.grpc) as client:
        for _ in range(8):
            client.async_infer(
                "n",
                tensor(over_grpc, "BYTES", as_bytes(street)),
                callback=lambda result, error: answers.put((result, error)),
            )
        for _ in range(8):
            result, error = answers.get(timeout=60)
            assert error is None
            check(result.as_numpy("output0")[0], expected)


def test_a_stream_answers_each_request_in_order_and_survives_a_bad_one(server, street, expected):
    answers = queue.Queue()
    with over_grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for number, picture in enumerate([street, b"no picture", street]):
            client.async_stream_infer("n", tensor(over_grpc, "BYTES", as_bytes(picture)), request_id=str(number))
        result, error = answers.get(timeout=60)
        assert error is None and result.get_response().id == "0"
        check(result.as_numpy("output0")[0], expected)
        _, error = answers.get(timeout=60)
        assert "not a picture that can be read" in str(error)
        result, error = answers.get(timeout=60)
        assert error is None and result.get_response().id == "2"
        client.stop_stream()


def test_health_metadata_and_configuration(triton):
    module, client = triton
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("n")
    about, config = client.get_model_metadata("n"), client.get_model_config("n")
    if module is over_grpc:
        assert (about.inputs[0].name, list(about.inputs[0].shape)) == ("images", [-1, 3, -1, -1])
        assert list(about.outputs[0].shape) == [-1, 300, 6]
        assert config.config.parameters["metadata"].string_value.startswith("{'description': ")
        assert "statistics" in client.get_server_metadata().extensions
    else:
        assert about["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, 3, -1, -1]}]
        assert about["outputs"] == [{"name": "output0", "datatype": "FP32", "shape": [-1, 300, 6]}]
        assert config["parameters"]["metadata"]["string_value"].startswith("{'description': ")
        assert "statistics" in client.get_server_metadata()["extensions"]


def test_statistics_count(triton, street):
    module, client = triton

    def counts():
        stats = client.get_inference_statistics("n")
        if module is over_grpc:
            stats = stats.model_stats[0]
            return stats.inference_count, stats.inference_stats.success.count, stats.memory_usage[0].byte_size
        stats = stats["model_stats"][0]
        return stats["inference_count"], stats["inference_stats"]["success"]["count"], stats["memory_usage"][0]["byte_size"]

    before = counts()
    client.infer("n", tensor(module, "BYTES", as_bytes(street, 3)))
    after = counts()
    assert (after[0] - before[0], after[1] - before[1]) == (3, 1)
    assert after[2] > 10_000_000


def test_errors_name_what_is_wrong(triton, street):
    module, client = triton
    for inputs, said in [
        (tensor(module, "BYTES", as_bytes(b"no picture")), "not a picture that can be read"),
        (tensor(module, "FP32", np.zeros((1, 3, 33, 32), np.float32)), "multiples of 32, found 33x32"),
        (tensor(module, "INT64", np.zeros((1,), np.int64)), "expected FP32, UINT8 or BYTES"),
    ]:
        with pytest.raises(InferenceServerException, match=said):
            client.infer("n", inputs)
    with pytest.raises(InferenceServerException, match="no model x is known here"):
        client.infer("x", tensor(module, "BYTES", as_bytes(street)))
    with pytest.raises(InferenceServerException, match="deadline"):
        client.infer("n", tensor(module, "BYTES", as_bytes(street)), timeout=1)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_unload_gives_every_byte_back_before_it_returns(protocol, street, expected):
    server = Server("--model", f"n={WEIGHTS}", "--shutdown-delay", "0")
    module, address = {"http": (over_http, server.http), "grpc": (over_grpc, server.grpc)}[protocol]
    with module.InferenceServerClient(address) as client:
        for _ in range(3):
            check(client.infer("n", tensor(module, "BYTES", as_bytes(street))).as_numpy("output0")[0], expected)
            held = server.json("/v1/memory")["held"]
            client.unload_model("n")
            assert held > 10_000_000 and server.json("/v1/memory")["held"] == 0
            assert not client.is_model_ready("n")
            with pytest.raises(InferenceServerException, match="not ready: unloaded"):
                client.infer("n", tensor(module, "BYTES", as_bytes(street)))
            index = client.get_model_repository_index()
            line = index.models[0] if module is over_grpc else index[0]
            state = (line.state, line.reason) if module is over_grpc else (line["state"], line["reason"])
            assert state == ("UNAVAILABLE", "unloaded")
            client.load_model("n")
    assert server.end() == 0
