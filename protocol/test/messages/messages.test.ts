import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedFrameError, packValue, unpackValue } from '../../src/frames/msgpack.ts';
import type { MessageType } from '../../src/messages/schema.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { allTypes as types } from './all-types.ts';
import { ShapeReader } from './wire-samples.ts';

const test = suite('messages');
const fieldsOf = (type: MessageType<object>) =>
  new ShapeReader(type.shape.slice(type.shape.indexOf('{'))).readFields('}');

test('there are messages, each with a name of its own', () => {
  assert.ok(types.length > 30);
  assert.is(new Set(types.map((type) => type.name)).size, types.length);
});

test('every opcode has a message or a layout of its own', () => {
  const withLayout: number[] = [
    ...[Opcode.ping, Opcode.pong, Opcode.refusal, Opcode.batch, Opcode.results, Opcode.updates],
  ];
  const withMessage = new Set<number>(types.map((type) => type.opcode));
  for (const [name, opcode] of Object.entries(Opcode)) {
    if (name === 'versionQuery') continue; // For reads at any member, which come with a later step.
    assert.ok(withMessage.has(opcode) || withLayout.includes(opcode), name);
  }
});

for (const type of types) {
  const fields = fieldsOf(type);
  const good = (): Record<string, unknown> =>
    Object.fromEntries(fields.map(([name, shape]) => [name, shape.good()]));

  const refused = (wire: unknown, what: string): void => {
    try {
      type.decode(wire);
    } catch (error) {
      assert.instance(error, MalformedFrameError, `${what}: ${error}`);
      assert.match((error as Error).message, type.name);
      return;
    }
    assert.unreachable(`${what} was not refused`);
  };

  test(`${type.name}: comes back as it went`, () => {
    const wire = unpackValue(packValue(good()));
    const message = type.decode(wire);
    assert.equal(Object.keys(message).sort(), fields.map(([name]) => name).sort());
    assert.equal(unpackValue(packValue(type.encode(message))), wire);
  });

  test(`${type.name}: what is not a map is refused`, () => {
    for (const wire of [null, undefined, 5, 'x', [], true]) refused(wire, String(wire));
  });

  for (const [name, shape] of fields) {
    test(`${type.name}: a wrong ${name} is refused`, () => {
      const values = shape.wrong();
      assert.ok(values.length > 2);
      values.forEach((value, at) => {
        refused({ ...good(), [name]: value }, `wrong value ${at}`);
      });
    });
  }

  test(`${type.name}: only optional fields may be missing, unknown ones are passed over`, () => {
    for (const [name, shape] of fields) {
      const { [name]: _, ...rest } = good();
      if (shape.wrong().includes(null)) refused(rest, `missing ${name}`);
      else assert.not.ok(name in type.decode(rest));
    }
    assert.not.ok('unheardOf' in type.decode({ ...good(), unheardOf: 1 }));
  });
}

test.run();
