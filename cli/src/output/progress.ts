// How far a long command is: a bar on a terminal, nothing in a pipe.

import cliProgress from 'cli-progress';
import type { Terminal } from '../shell/terminal.ts';

export interface Progress {
  update(done: number, note: string): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/** A bar on standard error, so that results stay clean. An unknown total shows only the note. */
export function startProgress(
  terminal: Terminal,
  what: string,
  total: number | undefined,
  isJson: boolean,
): Progress {
  if (isJson || !terminal.isErrTerminal) return SILENT;
  const bar = new cliProgress.SingleBar({
    format: total === undefined ? `${what} {note}` : `${what} [{bar}] {percentage}% {note}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    stream: terminal.err,
    fps: 8,
  });
  bar.start(total ?? 1, 0, { note: '' });
  return {
    update: (done, note) => bar.update(total === undefined ? 0 : Math.min(done, total), { note }),
    stop: () => bar.stop(),
  };
}
