import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCsvRanges } from '../src/formats/csv-ranges.ts';
import { parseDrives } from '../src/formats/drives-json.ts';
import { parseNdjsonRanges } from '../src/formats/ndjson-ranges.ts';
import { formatVbp, parseVbp } from '../src/formats/vbp.ts';
import { InputError } from '../src/model/errors.ts';
import { keyFromText, keyToText } from '../src/model/keys.ts';
import { rangesFrom } from '../src/model/ranges.ts';
import { parseBytes, parseRate } from '../src/model/units.ts';

const test = suite('formats');
const HEAD = 'start,end,bytes,read_bps,write_bps\n';

function csv(text: string): ReturnType<typeof parseCsvRanges> {
  return parseCsvRanges(Buffer.from(text), 'ranges.csv');
}

function refusal(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    assert.instance(error, InputError);
    return error as InputError;
  }
  throw new Error('expected a refusal');
}

test('units: bits and bytes, thousands and 1024s are told apart', () => {
  assert.is(parseBytes('64MiB', 'up'), 64 * 2 ** 20);
  assert.is(parseBytes('4TB', 'up'), 4e12);
  assert.is(parseRate('60MB/s', 'up'), 60e6);
  assert.is(parseRate('60Mbit/s', 'up'), 7.5e6);
  assert.is(parseRate('60Mbps', 'up'), 7.5e6);
  assert.is(parseBytes('1.5', 'up'), 2);
  assert.is(parseBytes('1.5', 'down'), 1);
});

test('units: a size is no rate, a rate no size, and what a double cannot hold is refused', () => {
  assert.is(parseRate('60MB', 'up'), undefined);
  assert.is(parseBytes('60MB/s', 'up'), undefined);
  assert.is(parseBytes('-5', 'up'), undefined);
  assert.is(parseBytes('99999PB', 'up'), undefined);
  assert.is(parseBytes('many', 'up'), undefined);
});

test('csv: columns in any order, units, quotes, BOM, CRLF and coded keys are read', () => {
  const text =
    '\ufeffbytes,start,end,write_bps,read_bps\r\n1MiB,,"b,""x""",1kB/s,2\r\n\r\n5,hex:63,,0,0\r\n';
  const ranges = csv(text);
  assert.is(ranges.count, 2);
  assert.equal([...ranges.bytes], [2 ** 20, 5]);
  assert.equal([...ranges.writeBps], [1000, 0]);
  assert.is(ranges.keys.text(1), 'b,"x"');
  assert.is(ranges.keys.text(2), 'c');
  assert.equal([...ranges.joins], [0, 0]);
});

test('csv: a fault names file, line and column and what was expected', () => {
  const error = refusal(() => csv(`${HEAD}a,b,1,1,1\nb,c,1,x,1\n`));
  assert.equal(error.place, { file: 'ranges.csv', line: 3, column: 7 });
  assert.match(error.message, /ranges\.csv:3:7: expected a rate .* got "x"/);
});

test('csv: overlaps, empty ranges, ranges after the endless one and missing fields are refused', () => {
  assert.is(refusal(() => csv(`${HEAD}a,c,1,1,1\nb,d,1,1,1\n`)).place.line, 3);
  assert.match(refusal(() => csv(`${HEAD}b,a,1,1,1\n`)).message, /end after the start/);
  assert.match(refusal(() => csv(`${HEAD}a,,1,1,1\nb,c,1,1,1\n`)).message, /without an end/);
  assert.match(refusal(() => csv(`${HEAD}a,b,1\n`)).message, /expected 5 fields/);
  assert.match(refusal(() => csv(`${HEAD}a,b,1,1,1,1\n`)).message, /expected 5 fields/);
  assert.match(refusal(() => csv('start,end,bytes\n')).message, /bandwidth_bps/);
  assert.match(refusal(() => csv('start,end,size\n')).message, /a column out of/);
  assert.match(refusal(() => csv(`${HEAD}"a,b,1,1,1\n`)).message, /closing quote/);
});

test('csv: a percentile column takes the place of the bandwidth', () => {
  const text = 'start,end,bytes,read_bps,write_bps,bps_p99\na,b,1,7,7,42\n';
  const ranges = parseCsvRanges(Buffer.from(text), 'r', { bandwidthColumn: 'bps_p99' });
  assert.is(ranges.writeBps[0], 42);
  assert.is(ranges.readBps[0], 0);
});

test('ndjson: gives what the same csv gives, and refuses unknown fields with their place', () => {
  const text = '{"start":"a","end":"b","bytes":"1MiB","read_bps":1,"write_bps":2,"pin":"d1"}\n';
  const ranges = parseNdjsonRanges(Buffer.from(text), 'r');
  assert.is(ranges.bytes[0], 2 ** 20);
  assert.equal(ranges.pins, ['d1']);
  const error = refusal(() => parseNdjsonRanges(Buffer.from('\n{"start":"a","size":1}\n'), 'r'));
  assert.equal(error.place, { file: 'r', line: 2, column: 14 });
  assert.match(refusal(() => parseNdjsonRanges(Buffer.from('[1]'), 'r')).message, /JSON object/);
});

test('keys: any bytes survive the way through text', () => {
  for (const key of [[], [0], [255, 254], [104, 101, 120, 58], [0xe2, 0x82, 0xac], [10]]) {
    const bytes = Uint8Array.from(key);
    assert.equal([...keyFromText(keyToText(bytes))!], key);
  }
  assert.is(keyFromText('hex:zz'), undefined);
});

test('drives: capacities round down, states and domains are read, faults name the drive', () => {
  const text =
    '{"drives":[\n{"id":"d1","bytes":"4TB","bandwidth_bps":"60MB/s","domain":{"rack":"r1"},"state":"drain"}]}';
  const set = parseDrives(text, 'drives.json', 'rack');
  assert.equal(set.drives[0]!.capacity, [4e12, 60e6]);
  assert.is(set.drives[0]!.zone, 'r1');
  assert.is(set.drives[0]!.state, 'drain');
  const bad = text.replace('60MB/s', '60MB');
  assert.equal(refusal(() => parseDrives(bad, 'drives.json')).place.line, 2);
  assert.match(refusal(() => parseDrives('{"drives":[', 'x')).message, /x:1:/);
  assert.match(refusal(() => parseDrives('{}', 'x')).message, /drives or types/);
});

test('drives: the field at fault is named with its place, the one that is only missing after it', () => {
  const both = '{"drives":[{"id":"d1",\n"bytes":"x"}]}';
  const error = refusal(() => parseDrives(both, 'd.json'));
  assert.equal(error.place, { file: 'd.json', line: 2, column: 9 });
  assert.match(error.message, /expected bytes above 0.* got "x"/);
  assert.match(refusal(() => parseDrives(both.replace('"x"', '1'), 'd')).message, /bandwidth_bps/);
});

test('vbp: an instance survives writing and reading; a fault has its line', () => {
  const made = parseVbp(formatVbp([10, 20], [Float64Array.of(1, 2), Float64Array.of(3, 4)]), 'x');
  assert.is(made.ranges.count, 2);
  assert.equal([...made.ranges.extra![1]!], [3, 4]);
  assert.equal(refusal(() => parseVbp('2\n10 x\n', 'i.vbp')).place, {
    file: 'i.vbp',
    line: 2,
    column: 4,
  });
});

test('rangesFrom: refuses broken quantities and disorder', () => {
  const row = { start: 'a', end: 'b', bytes: 1, readBps: 0, writeBps: 0 };
  assert.is(rangesFrom([row, { ...row, start: 'b', end: '' }]).joins[1], 1);
  assert.throws(() => rangesFrom([{ ...row, bytes: 1.5 }]), /whole number/);
  assert.throws(() => rangesFrom([row, row]), /at or after/);
});

test.run();
