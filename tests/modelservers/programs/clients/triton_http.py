"""Triton's HTTP client, at the address of its first argument: health, metadata, and inference as JSON and as binary, compressed and not."""

import sys

import numpy
import tritonclient.http as http

client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live()
assert client.is_model_ready("echo")
assert client.get_model_metadata("echo")["name"] == "echo"
sent = numpy.array([[42]], dtype=numpy.float32)
for binary, algorithm in ((False, None), (True, None), (True, "gzip"), (True, "deflate")):
    tensor = http.InferInput("INPUT", [1, 1], "FP32")
    tensor.set_data_from_numpy(sent, binary_data=binary)
    output = http.InferRequestedOutput("OUTPUT", binary_data=binary)
    answer = client.infer("echo", [tensor], outputs=[output], request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
    assert (answer.as_numpy("OUTPUT") == sent).all(), answer.as_numpy("OUTPUT")
try:
    client.infer("missing", [tensor])
    raise AssertionError("there is no such model")
except http.InferenceServerException as error:
    assert "unknown model" in error.message(), error
client.close()
