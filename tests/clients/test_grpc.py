"""gRPC without a framework: the protocol's description, gRPC's own health, trailing metadata, statuses."""

import json
import pathlib
import signal

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from conftest import ROOT, WEIGHTS, Server


def described(tmp_path):
    """Our description, as protoc reads it."""
    proto = ROOT / "yolov10-serve/proto/inference.proto"
    out = tmp_path / "inference.binpb"
    assert protoc.main(["protoc", f"-I{proto.parent}", f"-o{out}", str(proto)]) == 0
    return descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out).read_bytes()).file[0]


def theirs():
    """tritonclient's description: it is spread over two files."""
    found = {}
    for module in [service_pb2, __import__("tritonclient.grpc.model_config_pb2", fromlist=["x"])]:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            found[message.name] = message
        for enum in file.enum_type:
            found[enum.name] = enum
        for service in file.service:
            found[service.name] = service
    return found


def fields(message):
    return {field.number: (field.name, field.type, field.label, field.type_name) for field in message.field}


def compare(ours, other, where):
    """What we have is as they have it; they may have more."""
    known = fields(other)
    for number, field in fields(ours).items():
        assert known.get(number) == field, f"{where}: field {number}"
    nested = {message.name: message for message in other.nested_type}
    for message in ours.nested_type:
        compare(message, nested[message.name], f"{where}.{message.name}")
    for enum in ours.enum_type:
        values(enum, next(other_enum for other_enum in other.enum_type if other_enum.name == enum.name), where)


def values(ours, other, where):
    known = {value.name: value.number for value in other.value}
    assert {value.name: value.number for value in ours.value}.items() <= known.items(), f"{where}.{ours.name}"


def test_every_message_field_and_method_is_as_tritonclient_has_it(tmp_path):
    ours, other = described(tmp_path), theirs()
    assert ours.package == "inference" and len(ours.message_type) == 37
    for message in ours.message_type:
        compare(message, other[message.name], message.name)
    for enum in ours.enum_type:
        values(enum, other[enum.name], "inference")
    methods = {method.name: method for method in other["GRPCInferenceService"].method}
    assert len(ours.service[0].method) == 12
    for method in ours.service[0].method:
        known = methods[method.name]
        assert (method.input_type, method.output_type) == (known.input_type, known.output_type)
        assert (method.client_streaming, method.server_streaming) == (known.client_streaming, known.server_streaming)


def test_health_is_told_for_server_service_and_model(server):
    with grpc.insecure_channel(server.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ["", "inference.GRPCInferenceService", "n"]:
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            health.Check(health_pb2.HealthCheckRequest(service="x"), timeout=60)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_who_watches_hears_of_every_change_and_keeps_no_server_from_ending():
    server = Server("--model", f"n={WEIGHTS}", "--shutdown-delay", "1s")
    with grpc.insecure_channel(server.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watched = health.Watch(health_pb2.HealthCheckRequest(service="n"), timeout=60)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.RepositoryModelUnload(service_pb2.RepositoryModelUnloadRequest(model_name="n"), timeout=60)
        assert health.Check(health_pb2.HealthCheckRequest(service="n"), timeout=60).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(model_name="n"), timeout=60)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        server.process.send_signal(signal.SIGTERM)
        assert [answer.status for answer in watched] == [health_pb2.HealthCheckResponse.NOT_SERVING]
    assert server.process.wait(timeout=60) == 0


def test_unload_says_in_trailing_metadata_what_it_gave_back():
    server = Server("--model", f"n={WEIGHTS}", "--shutdown-delay", "0")
    held = server.json("/v1/memory")["held"]
    with grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.RepositoryModelUnloadRequest(model_name="n")
        _, call = stub.RepositoryModelUnload.with_call(request, timeout=60)
        report = json.loads(dict(call.trailing_metadata())["yolo10-free-report"])
        assert (report["released"], report["residue"], report["reason"]) == (held, 0, "unloaded")
        assert "yolo10-free-report" not in dict(call.initial_metadata())
    assert server.end() == 0


def test_refusals_have_grpcs_statuses(server, street):
    with grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        tensor = service_pb2.ModelInferRequest.InferInputTensor(name="images", datatype="BYTES", shape=[33])
        raw = (len(street).to_bytes(4, "little") + street) * 2
        for request, code in [
            (service_pb2.ModelInferRequest(model_name="x", inputs=[tensor]), grpc.StatusCode.NOT_FOUND),
            (service_pb2.ModelInferRequest(model_name="n"), grpc.StatusCode.INVALID_ARGUMENT),
            (
                service_pb2.ModelInferRequest(model_name="n", inputs=[tensor], raw_input_contents=[raw]),
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            ),
        ]:
            with pytest.raises(grpc.RpcError) as refused:
                stub.ModelInfer(request, timeout=60)
            assert refused.value.code() == code, request.model_name


def test_a_token_is_wanted_there_too(tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-some-length")
    server = Server("--model", f"n={WEIGHTS}", "--token-file", str(token), "--shutdown-delay", "0")
    with grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=60)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        metadata = [("authorization", "Bearer a-token-of-some-length")]
        assert stub.ServerReady(service_pb2.ServerReadyRequest(), metadata=metadata, timeout=60).ready
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=60).status == health_pb2.HealthCheckResponse.SERVING
    assert server.end() == 0
