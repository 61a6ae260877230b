"""A service that takes a fixed time to answer, and fails where it is told to, and one behind it."""

from __future__ import annotations

import asyncio

import bentoml


@bentoml.service(name="encoder", workers=1)
class Encoder:
    @bentoml.api
    async def encode(self, value: float) -> float:
        await asyncio.sleep(0.03)
        return value


@bentoml.service(name="classifier", workers=1, traffic={"timeout": 30})
class Classifier:
    encoder = bentoml.depends(Encoder)

    @bentoml.api
    async def classify(self, value: float, seconds: float = 0.12) -> float:
        await asyncio.sleep(seconds)
        if value < 0:
            raise bentoml.exceptions.InvalidArgument("negative input")
        if value > 90:
            raise RuntimeError("input that the service cannot handle")
        return value

    @bentoml.api
    async def encode_and_classify(self, value: float) -> float:
        return await self.encoder.to_async.encode(value)
