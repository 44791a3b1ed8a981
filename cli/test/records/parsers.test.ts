import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DelimitedParser } from '../../src/records/delimited.ts';
import { NdjsonParser } from '../../src/records/ndjson.ts';
import { formatOf } from '../../src/records/read-file.ts';
import type { Parsed, RecordParser } from '../../src/records/record.ts';

const test = suite('record files');

/** Whatever the pieces are that a file comes in, the records are the same. */
function parse(make: () => RecordParser, text: string): Parsed[] {
  const whole = make();
  const expected = [...whole.push(text), ...whole.end()];
  for (const size of [1, 3, 7]) {
    const parser = make();
    const parsed: Parsed[] = [];
    for (let at = 0; at < text.length; at += size) {
      parsed.push(...parser.push(text.slice(at, at + size)));
    }
    parsed.push(...parser.end());
    assert.equal(parsed, expected, `pieces of ${size}`);
  }
  return expected;
}
const ndjson = (text: string): Parsed[] => parse(() => new NdjsonParser(), text);
const csv = (text: string): Parsed[] => parse(() => new DelimitedParser(','), text);
const tsv = (text: string): Parsed[] => parse(() => new DelimitedParser('\t'), text);

test('ndjson: each line is a record, the last one also without line feed', () => {
  assert.equal(ndjson('{"key":"a","value":1}\r\n\n{"key":"b","value":{"x":null}}'), [
    { line: 1, key: 'a', value: 1 },
    { line: 3, key: 'b', value: { x: null } },
  ]);
});

test('ndjson: a bad line names itself and the next is read', () => {
  const parsed = ndjson('{"key":"a"}\n[1]\n{oops\n{"key":"","value":1}\n{"key":"z","value":0}\n');
  assert.equal(
    parsed.map(({ line }) => line),
    [1, 2, 3, 4, 5],
  );
  const problems = parsed.map((one) => ('problem' in one ? one.problem : 'fine'));
  assert.match(problems[0] ?? '', /nothing under "value"/);
  assert.match(problems[1] ?? '', /got a list/);
  assert.match(problems[2] ?? '', /not JSON/);
  assert.match(problems[3] ?? '', /no text under "key"/);
  assert.is(problems[4], 'fine');
});

test('csv: two columns give text, more give an object of heading and text', () => {
  assert.equal(csv('key,value\na,1\nb,\n'), [
    { line: 2, key: 'a', value: '1' },
    { line: 3, key: 'b', value: '' },
  ]);
  assert.equal(csv('\uFEFFid,name,age\r\n7,Ada,36\r\n'), [
    { line: 2, key: '7', value: { name: 'Ada', age: '36' } },
  ]);
});

test('csv: quoted fields hold commas, quotes and line breaks', () => {
  assert.equal(csv('k,v\n"a,b","say ""hi""\nagain"\r\n"c",""\n'), [
    { line: 2, key: 'a,b', value: 'say "hi"\nagain' },
    { line: 4, key: 'c', value: '' },
  ]);
});

test('csv: rows that do not fit are reported with their line', () => {
  const parsed = csv('k,v\nonly\n,nokey\na"b,1\n"x"y,2\nz,3\n"open,4');
  const shown = parsed.map((one) =>
    'problem' in one ? `${one.line}: ${one.problem}` : `${one.line}: fine`,
  );
  assert.match(shown[0] ?? '', /^2: expected 2 columns as in the heading, got 1/);
  assert.match(shown[1] ?? '', /^3: expected a key/);
  assert.match(shown[2] ?? '', /^4: a quote inside/);
  assert.match(shown[3] ?? '', /^5: text behind the closing quote/);
  assert.is(shown[4], '6: fine');
  assert.match(shown[5] ?? '', /^7: a quoted field is never closed/);
});

test('csv: a heading of one column is refused', () => {
  assert.match((csv('key\na\n')[0] as { problem: string }).problem, /two or more columns/);
});

test('tsv: quotes are ordinary characters', () => {
  assert.equal(tsv('k\tv\na\t"half\n'), [{ line: 2, key: 'a', value: '"half' }]);
});

test('the format follows the name of the file, or is asked for', () => {
  assert.is(formatOf('x.NDJSON', undefined), 'ndjson');
  assert.is(formatOf('x.jsonl', undefined), 'ndjson');
  assert.is(formatOf('dir.csv/x.tsv', undefined), 'tsv');
  assert.is(formatOf('-', undefined), 'ndjson');
  assert.is(formatOf('x.dat', 'csv'), 'csv');
  assert.throws(() => formatOf('x.dat', undefined), /or --format, got "x.dat"/);
  assert.throws(() => formatOf('x.csv', 'xml'), /--format: expected ndjson, csv, tsv, got "xml"/);
});

test.run();
