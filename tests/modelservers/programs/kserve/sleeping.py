"""Models that take a fixed time to answer, and fail where they are told to: name=seconds for each, after --sleeping."""

import argparse
import asyncio

from kserve import Model, ModelServer, model_server
from kserve.errors import InvalidInput


class Sleeping(Model):
    def __init__(self, name: str, seconds: float):
        super().__init__(name)
        self.seconds = seconds
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        await asyncio.sleep(self.seconds)
        if payload["instances"][0] < 0:
            raise InvalidInput("negative input")
        return {"predictions": payload["instances"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser], conflict_handler="resolve")
    parser.add_argument("--sleeping", action="append", default=[])
    arguments, _ = parser.parse_known_args()
    models = [Sleeping(name, float(seconds)) for name, seconds in (model.split("=") for model in arguments.sleeping)]
    ModelServer(workers=1).start(models)
