"""A model without weights that takes a fixed time to answer, and fails where it is told to."""

import time

from ts.torch_handler.base_handler import BaseHandler

SECONDS = {"quick": 0.02, "slow": 0.12, "failing": 0.02}


class Sleeping(BaseHandler):
    def initialize(self, context):
        self.name = context.manifest["model"]["modelName"]
        self.initialized = True

    def preprocess(self, data):
        return [row.get("data") or row.get("body") for row in data]

    def inference(self, data):
        time.sleep(SECONDS[self.name])
        if "fail" in data:
            raise ValueError("told to fail")
        return data

    def postprocess(self, data):
        return data
