import { createServer, Server } from 'http';
import { AddressInfo } from 'net';

/**
 * A metrics page made by hand, for faults that no server of the demo has. Numbers behind a + grow by that much at every
 * scrape, now-72h is the time that long ago. Without a page it answers with an error.
 */
export class FakeServer {
  private readonly server: Server;
  private counters = new Map<string, number>();

  constructor(public page: string | undefined) {
    this.server = createServer((_, response) => {
      if (this.page === undefined) {
        response.writeHead(503).end('down on purpose');
        return;
      }
      response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' }).end(this.scrape(this.page));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((listening) => this.server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/metrics`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  /** Lets the counters begin at zero, as after a restart. */
  restart() {
    this.counters = new Map();
  }

  private scrape(page: string): string {
    return page
      .trim()
      .split('\n')
      .map((line) => {
        const at = line.lastIndexOf(' ');
        const name = line.slice(0, at);
        const value = line.slice(at + 1);
        if (value.startsWith('+')) {
          this.counters.set(name, (this.counters.get(name) ?? 0) + Number(value));
          return `${name} ${this.counters.get(name)}\n`;
        }
        const hours = /^now-(\d+)h$/.exec(value);
        return `${name} ${hours ? Math.round(Date.now() / 1000) - 3600 * Number(hours[1]) : value}\n`;
      })
      .join('');
  }
}

/** vLLM's page for a model that answers all its requests quickly. */
export function healthyModel(model: string): string {
  return `vllm:num_requests_running{model_name="${model}"} 1
vllm:request_success_total{model_name="${model}",finished_reason="stop"} +20
vllm:request_success_total{model_name="${model}",finished_reason="error"} +0
vllm:e2e_request_latency_seconds_bucket{model_name="${model}",le="0.1"} +20
vllm:e2e_request_latency_seconds_bucket{model_name="${model}",le="+Inf"} +20
vllm:e2e_request_latency_seconds_count{model_name="${model}"} +20
`;
}

/** ModelMesh's page, on which so many of 100 requests miss the model cache. */
export function modelCache(requests: number, misses: number): string {
  return `modelmesh_models_loaded_total 3
modelmesh_api_request_milliseconds_count{modelId="iris",code="OK"} +${requests}
modelmesh_cache_miss_milliseconds_count{modelId="iris"} +${misses}
modelmesh_loadmodel_milliseconds_count{modelId="iris"} +${misses}
modelmesh_age_at_eviction_milliseconds_count{modelId="iris"} +${misses}
`;
}

/** Baseten's page, with the asynchronous queue's size or how much it grows. */
export function asyncQueue(size: string): string {
  return `baseten_replicas_active{model_name="batch-embedder"} 1
baseten_async_queue_size{model_name="batch-embedder"} ${size}
`;
}

/** The page of a training job. */
export function trained(age: string): string {
  return `training_runs_total{model="churn"} +0
training_last_success_timestamp_seconds{model="churn"} now-${age}
`;
}

export const trainingProfile = `id: e2e_training
name: Training jobs
layer: server
endpoint: {port: 9100, path: /metrics}
detect: [training_last_success_timestamp_seconds]
identity_metric: training_last_success_timestamp_seconds
replica: [job, instance]
labels: {model: model, replica: instance, environment: environment, deployment: deployment}
metrics:
  training_last_success_timestamp_seconds: {type: gauge, unit: seconds, labels: [model]}
signals:
  prediction_staleness:
    - age: training_last_success_timestamp_seconds
`;
