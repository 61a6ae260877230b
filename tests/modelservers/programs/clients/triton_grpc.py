"""Triton's gRPC client, at the address of its first argument: health, metadata, inference, and a stream of a decoupled model."""

import queue
import sys

import numpy
import tritonclient.grpc as grpc

client = grpc.InferenceServerClient(sys.argv[1])
assert client.is_server_live()
assert client.get_model_metadata("echo").name == "echo"
sent = numpy.array([[42]], dtype=numpy.float32)
tensor = grpc.InferInput("INPUT", [1, 1], "FP32")
tensor.set_data_from_numpy(sent)
for _ in range(3):
    assert (client.infer("echo", [tensor]).as_numpy("OUTPUT") == sent).all()
try:
    client.infer("missing", [tensor])
    raise AssertionError("there is no such model")
except grpc.InferenceServerException as error:
    assert error.status() == "StatusCode.NOT_FOUND", error

answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)))
single = grpc.InferInput("INPUT", [1], "FP32")
for i in range(5):
    single.set_data_from_numpy(numpy.array([i], dtype=numpy.float32))
    client.async_stream_infer("stream", [single])
got = []
for _ in range(5):
    result, error = answers.get(timeout=60)
    assert error is None, error
    got.append(float(result.as_numpy("OUTPUT")[0]))
assert sorted(got) == [0, 1, 2, 3, 4], got
client.stop_stream()
client.close()
