// CRC-32 of a short run of bytes, without leaving JavaScript: the same number as `crc32` of zlib.
//
// A call into zlib needs a view of the bytes and costs more than the sum of two hundred of them. Eight bytes are
// taken at a time, with a table for each.

const TABLES = 8;
const POLYNOMIAL = 0xedb88320;

function makeTables(): Int32Array {
  const tables = new Int32Array(TABLES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) !== 0 ? POLYNOMIAL ^ (sum >>> 1) : sum >>> 1;
    tables[byte] = sum;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] as number;
    tables[at] = (tables[before & 255] as number) ^ (before >>> 8);
  }
  return tables;
}

const tables = makeTables();

/** Of `bytes[at .. end)`; `words` are the same bytes, and `at` is a multiple of four. */
export function shortChecksum(
  bytes: Uint8Array,
  words: Uint32Array,
  at: number,
  end: number,
  start: number,
): number {
  let sum = ~start;
  let word = at >>> 2;
  const lastWord = (end >>> 2) - 1;
  for (; word < lastWord; word += 2) {
    const low = sum ^ (words[word] as number);
    const high = words[word + 1] as number;
    sum =
      (tables[1792 + (low & 255)] as number) ^
      (tables[1536 + ((low >>> 8) & 255)] as number) ^
      (tables[1280 + ((low >>> 16) & 255)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 255)] as number) ^
      (tables[512 + ((high >>> 8) & 255)] as number) ^
      (tables[256 + ((high >>> 16) & 255)] as number) ^
      (tables[high >>> 24] as number);
  }
  for (let byte = word << 2; byte < end; byte++) {
    sum = (tables[(sum ^ (bytes[byte] as number)) & 255] as number) ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}
