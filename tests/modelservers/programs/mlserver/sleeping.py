"""Models that take a fixed time to answer, and fail where they are told to."""

import asyncio

from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Sleeping(MLModel):
    async def load(self) -> bool:
        self.seconds = float(self.settings.parameters.extra["seconds"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(self.seconds)
        value = list(payload.inputs[0].data)[0]
        if value < 0:
            raise InferenceError("negative input")
        output = ResponseOutput(name="y", shape=[1], datatype="FP32", data=[value])
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
