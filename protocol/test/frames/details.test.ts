import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Detail, decodeDetail, encodeDetail } from '../../src/frames/details.ts';
import { MalformedFrameError, packValue } from '../../src/frames/msgpack.ts';
import { recordFromWire } from '../../src/ranges/range-record.ts';
import { driveId, incarnation } from '../../src/words/ids.ts';
import { TIMEOUT_MS_MAX } from '../../src/words/limits.ts';

const test = suite('details');

function refused(wire: unknown): void {
  try {
    decodeDetail(packValue(wire));
  } catch (error) {
    assert.instance(error, MalformedFrameError, `${error}`);
    return;
  }
  assert.unreachable(`was not refused: ${JSON.stringify(wire)}`);
}

test('a detail comes back as it went', () => {
  const detail: Detail = {
    message: 'expected epoch 3, got 2',
    retryAfterMs: 12.5,
    records: [recordFromWire([7, 1, new Uint8Array(0), null, 3, 12, ['a', 1]])],
    addresses: [{ drive: driveId('a'), address: '127.0.0.1:7410', incarnation: incarnation(1) }],
    indexVersion: 12,
    version: 0,
    epoch: 3,
  };
  assert.equal(decodeDetail(encodeDetail(detail)), detail);
  assert.equal(decodeDetail(encodeDetail({})), {});
  assert.equal(decodeDetail(Buffer.alloc(0)), {});
});

test('fields that nobody knows, and nil, are passed over', () => {
  assert.equal(decodeDetail(packValue({ colour: 'blue', message: null, records: null })), {});
});

test('what people read is cut, and a wait is bounded', () => {
  const wire = { message: 'x'.repeat(5000), retryAfterMs: Number.POSITIVE_INFINITY };
  const detail = decodeDetail(packValue(wire));
  assert.is(detail.message?.length, 1000);
  assert.is(detail.retryAfterMs, TIMEOUT_MS_MAX);
});

test('fields of a wrong kind are refused', () => {
  for (const wire of [null, 5, 'x', [], [1]]) refused(wire);
  for (const value of [-1, '5', {}, [], true, Number.NaN]) {
    for (const name of ['retryAfterMs', 'indexVersion', 'version', 'epoch']) {
      refused({ [name]: value });
    }
  }
  for (const value of [5, {}, 'x', [5], [[]], [null], Array(2000).fill(null)]) {
    refused({ records: value });
    refused({ addresses: value });
  }
  refused({ version: 1.5 });
});

test.run();
