// The bench's end of a load process.

import { OrderChild } from '../processes/order-child.ts';
import type { Cell } from './cells.ts';
import type { ContenderSpec } from './contender.ts';
import type { LoadResult } from './load-loop.ts';
import type { LoadAnswer, LoadOrder } from './load-messages.ts';

const program = new URL('./load-process.js', import.meta.url);

export class LoadClient {
  readonly name: string;
  readonly #child: OrderChild<LoadOrder, LoadAnswer>;

  private constructor(name: string) {
    this.name = name;
    this.#child = new OrderChild(name, program);
  }

  static async open(name: string, spec: ContenderSpec): Promise<LoadClient> {
    const client = new LoadClient(name);
    try {
      await client.#child.order({ kind: 'open', spec });
    } catch (error) {
      await client.#child.kill();
      throw error;
    }
    return client;
  }

  async fill(valueBytes: number, keys: number): Promise<void> {
    await this.#child.order({ kind: 'fill', valueBytes, keys });
  }

  async run(cell: Cell, durationMs: number): Promise<LoadResult & { readonly cpuMs: number }> {
    const plan = { operation: cell.operation, inFlight: cell.inFlight, durationMs };
    const { valueBytes } = cell;
    const answer = await this.#child.order({ kind: 'run', valueBytes, plan });
    if (answer.result === undefined) throw new Error(`${this.name} sent no result`);
    return { ...answer.result, cpuMs: answer.cpuMs ?? Number.NaN };
  }

  async close(): Promise<void> {
    await this.#child.order({ kind: 'close' }).catch(() => {});
    await this.#child.end();
  }
}
