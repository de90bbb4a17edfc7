"""The kserve SDK's inference clients."""

import asyncio

import numpy as np
import pytest

kserve = pytest.importorskip("kserve")
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig  # noqa: E402

from conftest import check  # noqa: E402


def request(street):
    images = InferInput("images", [1], "BYTES")
    images.set_data_from_numpy(np.array([street], dtype=object), binary_data=True)
    return InferRequest("n", [images])


def test_rest(server, street, expected):
    async def ask():
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
        assert await client.is_server_ready(server.url)
        assert await client.is_model_ready(server.url, "n")
        answer = await client.infer(server.url, request(street), model_name="n")
        await client.close()
        return answer

    answer = asyncio.run(ask())
    check(answer.outputs[0].as_numpy().reshape(300, 6).astype(np.float32), expected)


def test_grpc(server, street, expected):
    async def ask():
        client = InferenceGRPCClient(server.grpc, timeout=60)
        assert await client.is_server_ready() and await client.is_model_ready("n")
        answer = await client.infer(request(street))
        await client.close()
        return answer

    answer = asyncio.run(ask())
    check(answer.outputs[0].as_numpy().reshape(300, 6).astype(np.float32), expected)
