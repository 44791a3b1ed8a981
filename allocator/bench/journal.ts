// What is known of each instance of the packing literature, one line of JSON after the other.
//
// The whole literature takes hours. A run that was stopped, or one that took a part of the classes, leaves its lines here, and
// --resume takes them instead of solving again. A line counts only for the same instance under the same budget: the name says
// which instance, `steps` how much work it got.

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Outcome {
  readonly name: string;
  readonly steps: number;
  readonly drives: number;
  readonly lower: number;
  /** Drives of the best constructive heuristic. */
  readonly constructed: number;
  readonly cpuMs: number;
}

export class Journal {
  readonly #path: string;
  readonly #known = new Map<string, Outcome>();

  constructor(path: string, isResumed: boolean) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    if (!isResumed) rmSync(path, { force: true });
    else if (existsSync(path)) {
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        // A stopped run may leave half a line.
        if (!line.endsWith('}')) continue;
        const outcome = JSON.parse(line) as Outcome;
        this.#known.set(`${outcome.name} ${outcome.steps}`, outcome);
      }
    }
  }

  find(name: string, steps: number): Outcome | undefined {
    return this.#known.get(`${name} ${steps}`);
  }

  add(outcome: Outcome): void {
    appendFileSync(this.#path, `${JSON.stringify(outcome)}\n`);
  }
}
