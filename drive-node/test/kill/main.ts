// The kill loop as a command: node drive-node/dist/test/kill/main.js --rounds 50
//
// Prints a line for each round and one JSON object at the end; exits 0 only when nothing was lost.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { runKillLoop } from './kill-loop.ts';

interface Flags {
  readonly rounds: number;
  readonly keys: number;
  readonly loadMs: number;
  readonly durability: 'flush' | 'os';
}

const flags = new Command('kill-loop')
  .description('Kills a drive with SIGKILL under full write load and verifies every write.')
  .option('--rounds <count>', 'kills', Number, 50)
  .option('--keys <prime>', 'different keys', Number, 20_011)
  .option('--load-ms <ms>', 'longest time under load before each kill', Number, 1_500)
  .addOption(
    new Option('--durability <when>', 'of the drive').choices(['flush', 'os']).default('flush'),
  )
  .parse()
  .opts<Flags>();

const folder = await mkdtemp(join(tmpdir(), 'piton-kill-'));
try {
  const result = await runKillLoop({
    folder,
    rounds: flags.rounds,
    keyCount: flags.keys,
    loadMsMin: 50,
    loadMsMax: flags.loadMs,
    durability: flags.durability,
    told: (round) => process.stdout.write(`${JSON.stringify(round)}\n`),
  });
  process.stdout.write(`${JSON.stringify({ ok: true, lost: 0, ...result })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ ok: false, reason: (error as Error).message })}\n`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
