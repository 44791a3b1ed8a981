// A program that stands in for piton-meta and piton-drive: what it does is told by its arguments.
//
//   --serve            prints a ready line and stays until SIGTERM
//   --stubborn         the same, and ignores SIGTERM
//   --fail TEXT        writes TEXT to standard error and exits with code 1
//   --silent           never gets ready
//   --crash-after MS   gets ready, then exits with code 7

import { parseArgs } from 'node:util';

const { values } = parseArgs({
  strict: false,
  options: {
    fail: { type: 'string' },
    'crash-after': { type: 'string' },
    serve: { type: 'boolean' },
    stubborn: { type: 'boolean' },
    silent: { type: 'boolean' },
  },
});

if (values.fail !== undefined) {
  process.stderr.write(`{"level":50,"msg":"${values.fail}"}\n`);
  process.exit(1);
}
const keepAlive = setInterval(() => {}, 1_000);
process.on('SIGTERM', () => {
  if (values.stubborn) return;
  process.stderr.write('stand-in: stopping\n');
  clearInterval(keepAlive);
  process.disconnect?.();
});
if (values['crash-after'] !== undefined) {
  setTimeout(() => process.exit(7), Number(values['crash-after']));
}
if (!values.silent) {
  process.stdout.write('a line that is not the ready line\n');
  process.stdout.write(`stand-in ready id=one piton=127.0.0.1:1 pid=${process.pid}\n`);
}
