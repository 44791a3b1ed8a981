// Preloaded into a process (`node --import`) whose CPU profile is wanted: profiles it from start to end
// and writes the profile on exit. Node's own --cpu-prof cannot be given to the children of a library.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const folder = process.env['PITON_BENCH_PROFILE_DIR'];

function begin(into: string): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) return;
      mkdirSync(into, { recursive: true });
      const program = basename(process.argv[1] ?? 'node', '.js');
      const name = `${program}-${process.pid}.cpuprofile`;
      writeFileSync(join(into, name), JSON.stringify(result.profile));
    });
  });
}

if (folder !== undefined && isMainThread) begin(folder);
