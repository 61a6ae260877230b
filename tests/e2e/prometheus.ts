import { ChildProcess, spawn } from 'child_process';
import { once } from 'events';
import { createInterface } from 'readline';

/** A real Prometheus that scrapes; the program is beside this file. */
export class Prometheus {
  private process?: ChildProcess;

  constructor(private readonly configuration: string) {}

  /** Builds the program if need be, starts it and answers its address. */
  async start(): Promise<string> {
    this.process = spawn('go', ['run', './tests/e2e/prometheus'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.process.stdout! });
    this.process.stdin!.write(`${this.configuration}\n---\n`);
    const [url] = await Promise.race([
      once(lines, 'line'),
      once(this.process, 'exit').then(([code]) => {
        throw new Error(`Prometheus ended with ${code} before it said where it is`);
      }),
    ]);
    return url;
  }

  /** Ends it with its standard input. */
  async stop() {
    if (this.process && this.process.exitCode === null) {
      const ended = once(this.process, 'exit');
      this.process.stdin!.end();
      await ended;
    }
  }
}
