"""A decoupled model that sleeps for as long as its configuration says, side by side for as many requests as there are.

One process is enough for that, so that a load takes no longer than it must.
"""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import triton_python_backend_utils as pb_utils

AT_ONCE = 64


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self._service_seconds = float(parameters["service_ms"]["string_value"]) / 1000
        self._spread = float(parameters["spread"]["string_value"])
        self._threads = ThreadPoolExecutor(AT_ONCE)
        time.sleep(float(parameters["load_ms"]["string_value"]) / 1000)

    def execute(self, requests):
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy()
            self._threads.submit(self._answer, request.get_response_sender(), tensor)

    def _answer(self, sender, tensor):
        time.sleep(self._service_seconds * random.lognormvariate(0, self._spread))
        response = pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", tensor)])
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def finalize(self):
        self._threads.shutdown()
