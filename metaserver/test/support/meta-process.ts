// The real `piton-meta` command as a process, for tests that kill it or read what it says.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface MetaProcess {
  readonly child: ChildProcess;
  /** HOST:PORT of the protocol and of HTTP. */
  readonly address: string;
  readonly httpAddress: string;
  /** Ends it at once and waits until it is gone. */
  kill(): Promise<void>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs it to its end. */
export async function runMeta(args: readonly string[]): Promise<Ended> {
  const child = launch(args);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Starts it and waits for the ready line. Rejects with what it wrote when it ends before. */
export async function startMetaProcess(args: readonly string[]): Promise<MetaProcess> {
  const child = launch([...args, '--log-level', 'warn']);
  let text = '';
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const match = /^piton-meta ready piton=(\S+) http=(\S+)$/m.exec(text);
      if (match !== null) resolve(match);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${errors}`)));
  });
  return {
    child,
    address: ready[1] as string,
    httpAddress: ready[2] as string,
    async kill() {
      const closed = child.exitCode === null ? once(child, 'close') : undefined;
      child.kill('SIGKILL');
      await closed;
    },
  };
}
