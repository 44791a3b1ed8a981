// Pins what travels beside the number of its version: whoever changes a message, a layout or a
// number on the wire meets this test, and raises PROTOCOL_VERSION (src/words/version.ts) with it.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, OperationCode } from '../src/words/opcodes.ts';
import { Status } from '../src/words/statuses.ts';
import { PROTOCOL_NAME, PROTOCOL_VERSION } from '../src/words/version.ts';
import { sampleFrames } from './frames/sample-frames.ts';
import { allTypes } from './messages/all-types.ts';

const test = suite('compatibility');

const PINNED: Record<number, string> = {
  1: '4945e2e3c357664a',
};

function description(): string {
  const shapes = allTypes.map((type) => type.shape).sort();
  const frames = Object.entries(sampleFrames()).map(
    ([name, bytes]) => name + bytes.toString('hex'),
  );
  return JSON.stringify([PROTOCOL_NAME, Opcode, OperationCode, Status, shapes, frames]);
}

test('what travels is what this protocol version says', () => {
  const hash = createHash('sha256').update(description()).digest('hex').slice(0, 16);
  assert.is(
    hash,
    PINNED[PROTOCOL_VERSION],
    'messages or layouts changed: see docs/protocol.md, section 12',
  );
});

const spec = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');

test('every opcode and every status has a line in the specification', () => {
  const missing = [...Object.entries(Opcode), ...Object.entries(Status)].filter(
    ([name, number]) => !new RegExp(`\\| ${number} \\| \`${name}\` \\|`).test(spec),
  );
  assert.equal(
    missing.map(([name, number]) => `${number} ${name}`),
    [],
  );
});

test('every field of every message is named in the specification', () => {
  const fields = allTypes.flatMap((type) => [...type.shape.matchAll(/[{<,](\w+):/g)]);
  const missing = fields.map(([, name]) => name).filter((name) => !spec.includes(`\`${name}\``));
  assert.ok(fields.length > 100);
  assert.equal([...new Set(missing)], []);
});

test.run();
