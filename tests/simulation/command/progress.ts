// How far the seeds are: a bar on a terminal, nothing in a pipe.

import cliProgress from 'cli-progress';

export interface Progress {
  update(done: number, note: string): void;
  stop(): void;
}

export function startProgress(total: number, what: string): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new cliProgress.SingleBar({
    format: `${what} [{bar}] {value}/{total} {note}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
    fps: 8,
  });
  bar.start(total, 0, { note: '' });
  return { update: (done, note) => bar.update(done, { note }), stop: () => bar.stop() };
}
