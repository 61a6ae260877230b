"""Starts Ray on this host and applications that take a fixed time to answer, until it is told to end."""

import argparse
import asyncio
import signal
import threading

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

SMALL = {"num_cpus": 0.1}


@serve.deployment(name="Sleeping", num_replicas=2, ray_actor_options=SMALL, max_ongoing_requests=4)
class Sleeping:
    async def __call__(self, request: Request):
        await asyncio.sleep(float(request.query_params.get("seconds", "0.12")))
        return JSONResponse({})


@serve.deployment(name="Failing", ray_actor_options=SMALL)
class Failing:
    async def __call__(self, request: Request):
        if "raise" in request.query_params:
            raise ValueError("told to fail")
        return JSONResponse({}, status_code=int(request.query_params.get("status", "200")))


@serve.deployment(name="Multiplexed", ray_actor_options=SMALL)
class Multiplexed:
    @serve.multiplexed(max_num_models_per_replica=2)
    async def load(self, model_id: str):
        await asyncio.sleep(0.35)
        return model_id

    async def __call__(self, request: Request):
        return JSONResponse({"model": await self.load(serve.get_multiplexed_model_id())})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    parser.add_argument("--dashboard-port", type=int, required=True)
    parser.add_argument("--folder", required=True)
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ray.init(
        num_cpus=4,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=arguments.dashboard_port,
        object_store_memory=200_000_000,
        _metrics_export_port=arguments.metrics_port,
        _temp_dir=arguments.folder,
        _node_ip_address="127.0.0.1",
        _system_config={"metrics_report_interval_ms": 1000},
    )
    serve.start(http_options={"host": "127.0.0.1", "port": arguments.http_port})
    serve.run(Sleeping.bind(), name="sleeping", route_prefix="/sleeping")
    serve.run(Multiplexed.bind(), name="multiplexed", route_prefix="/multiplexed")
    serve.run(Failing.bind(), name="failing", route_prefix="/failing")
    ended.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
