// What the tour says: a heading for each step, a line for each thing that happens, figures in each.
//
// A progress bar on a terminal, short lines elsewhere. Silent under --json; the last line, the result,
// is always printed.

import { styleText } from 'node:util';
import cliProgress from 'cli-progress';

export interface ProgressBar {
  update(done: number): void;
  stop(): void;
}

const QUARTERS = 4;

export class Narrator {
  readonly #out: NodeJS.WriteStream;
  readonly #isSilent: boolean;
  readonly #isTerminal: boolean;
  #step = 0;
  #open: cliProgress.SingleBar | undefined;

  constructor(out: NodeJS.WriteStream, isSilent: boolean) {
    this.#out = out;
    this.#isSilent = isSilent;
    this.#isTerminal = out.isTTY === true;
  }

  /** A new step, and in one sentence what it shows. */
  step(title: string, sentence: string): void {
    this.#step++;
    const heading = `${this.#step}. ${title}`;
    this.#print(`\n${this.#isTerminal ? styleText('bold', heading) : heading}`);
    this.#print(`   ${this.#isTerminal ? styleText('dim', sentence) : sentence}`);
  }

  line(text: string): void {
    this.#print(`   ${text}`);
  }

  progress(what: string, total: number): ProgressBar {
    if (this.#isSilent) return { update: () => {}, stop: () => {} };
    return this.#isTerminal ? this.#bar(what, total) : this.#quarters(what, total);
  }

  /** Ends a bar that is still drawn, so that the cursor comes back. */
  close(): void {
    this.#open?.stop();
    this.#open = undefined;
  }

  result(result: object): void {
    this.close();
    this.#out.write(`${this.#isSilent ? '' : '\n'}${JSON.stringify(result)}\n`);
  }

  #bar(what: string, total: number): ProgressBar {
    const bar = new cliProgress.SingleBar({
      format: `   ${what} [{bar}] {percentage}% of {total}, {eta} s left`,
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      stream: this.#out,
      fps: 8,
    });
    bar.start(total, 0);
    this.#open = bar;
    return { update: (done) => bar.update(done), stop: () => this.close() };
  }

  #quarters(what: string, total: number): ProgressBar {
    let shown = 0;
    return {
      update: (done) => {
        const quarter = Math.floor((done * QUARTERS) / total);
        if (quarter > shown && quarter < QUARTERS) this.line(`${what}: ${quarter * 25} %`);
        shown = Math.max(shown, quarter);
      },
      stop: () => {},
    };
  }

  #print(text: string): void {
    if (!this.#isSilent) this.#out.write(`${text}\n`);
  }
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1 split`, `2 splits`. */
export function plural(value: number, word: string, ending: string = 's'): string {
  return `${count(value)} ${word}${value === 1 ? '' : ending}`;
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
