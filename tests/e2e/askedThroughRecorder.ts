import { ChildProcess, spawn } from 'child_process';
import { createServer } from 'http';
import { AddressInfo } from 'net';
import { join } from 'path';
import { APIRequestContext, expect } from '@playwright/test';

/** Where the stack has built the recorder for this machine. */
const platforms: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' };
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64' };
const program = join(
  __dirname,
  `../../artifacts/modelserving-recorder_${platforms[process.platform] ?? process.platform}_${architectures[process.arch] ?? process.arch}`
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Clients that ask a Triton for one model through a recorder of their own, some five times a second, whatever is answered. */
export class AskedThroughRecorder {
  private recorder?: ChildProcess;
  private asking?: NodeJS.Timeout;

  constructor(
    private readonly tritonUrl: string,
    private readonly model: string
  ) {}

  /** Starts recorder and clients, and answers where the recorder tells its metrics. */
  async start(request: APIRequestContext): Promise<string> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const admin = `http://127.0.0.1:${await freePort()}`;
    this.recorder = spawn(
      program,
      [`--upstream=${this.tritonUrl}`, `--web.listen-address=${new URL(url).host}`, `--admin=${new URL(admin).host}`],
      { stdio: 'ignore' }
    );
    await expect(async () => expect((await request.get(`${admin}/healthz`)).ok()).toBe(true)).toPass();
    const body = JSON.stringify({ inputs: [{ name: 'INPUT', shape: [1, 1], datatype: 'FP32', data: [1] }] });
    this.asking = setInterval(() => {
      // Nobody waits for what is answered: the recorder counts it.
      fetch(`${url}/v2/models/${this.model}/infer`, { method: 'POST', body })
        .then((response) => response.arrayBuffer())
        .catch(() => undefined);
    }, 200);
    return `${admin}/metrics`;
  }

  async stop() {
    clearInterval(this.asking);
    const { recorder } = this;
    if (recorder && recorder.exitCode === null) {
      const exited = new Promise((resolve) => recorder.once('exit', resolve));
      recorder.kill();
      await exited;
    }
  }
}
