"""A model that takes time and fails as its configuration says.

Every model of the demo is this file with other parameters in its config.pbtxt:

service_ms    median of the service time in milliseconds; log-normal, so that there is a tail
spread        sigma of the logarithm of the service time
load_ms       how long the model takes to get ready, in milliseconds
fail_share    share of the batches whose execution raises, which Triton counts as failures of the backend
"""

import json
import random
import time

import triton_python_backend_utils as pb_utils


def _parameter(config, name):
    return float(config["parameters"][name]["string_value"])


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self._service_seconds = _parameter(config, "service_ms") / 1000
        self._spread = _parameter(config, "spread")
        self._fail_share = _parameter(config, "fail_share")
        self._random = random.Random()
        time.sleep(_parameter(config, "load_ms") / 1000)

    def execute(self, requests):
        time.sleep(self._service_seconds * self._random.lognormvariate(0, self._spread))
        if self._random.random() < self._fail_share:
            raise RuntimeError("the demo makes this model fail now and then")
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy()
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", tensor)]))
        return responses
