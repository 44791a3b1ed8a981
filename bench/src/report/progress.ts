// One line that says what is being measured: rewritten in place on a terminal, silent elsewhere.

import { stderr } from 'node:process';

export function showProgress(text: string): void {
  if (!stderr.isTTY) return;
  stderr.write(`\r\x1b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
}

export function clearProgress(): void {
  if (stderr.isTTY) stderr.write('\r\x1b[2K');
}
