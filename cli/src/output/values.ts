// How keys and values are shown: text as it is, everything else as JSON.
//
// What JSON has no word for is written so that nothing is lost or guessed: bytes as
// {"base64": "..."}, a bigint that is too large for a number as text, a Map as pairs, a Set as list.

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function plainBigint(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** The same value in what JSON can say. */
export function toJsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return plainBigint(value);
  if (isBytes(value)) return { base64: Buffer.from(value).toString('base64') };
  if (value instanceof Date || value === null || typeof value !== 'object') return value;
  if (value instanceof Map) return [...value].map((pair) => pair.map(toJsonValue));
  if (value instanceof Set) return [...value].map(toJsonValue);
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (value instanceof Error) return { error: value.message };
  if (value instanceof RegExp) return value.toString();
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, toJsonValue(of)]));
}

/** One JSON text. A cycle cannot be shown as JSON: says so instead of failing. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(toJsonValue(value)) ?? 'null';
  } catch {
    return '"(a value with a cycle: JSON has no form for it)"';
  }
}

/** What `piton get` prints of a value. */
export function showValue(value: unknown): string {
  return typeof value === 'string' ? value : toJson(value);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);

/** The same on one line of tab-separated text: control characters never reach a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, '0');
    return ESCAPES.get(character) ?? `\\x${code}`;
  });
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a key, or undefined when its bytes are not text. */
export function keyText(key: string | Uint8Array): string | undefined {
  if (typeof key === 'string') return key;
  try {
    return strictText.decode(key);
  } catch {
    return undefined;
  }
}

/** A key for people. Bytes that are not readable text are shown as 0x... */
export function showKey(key: string | Uint8Array): string {
  const text = keyText(key);
  if (text !== undefined && (typeof key === 'string' || oneLine(text) === text)) {
    return oneLine(text);
  }
  return `0x${Buffer.from(key as Uint8Array).toString('hex')}`;
}

/** A key for programs. Bytes that are not text become {"base64": "..."}. */
export function jsonKey(key: string | Uint8Array): unknown {
  return keyText(key) ?? toJsonValue(key);
}
