// piton://HOST:PORT[,HOST:PORT...]/KEYSPACE[?timeoutMs=...&durability=...&codec=...&reads=...]
//
// The address of a cluster in one string. The port may be left out (7400), and the keyspace
// ('default'). A parameter that is not known is refused, so that a misspelt one never goes unnoticed.

import { invalidArgument, KVError } from '../errors/kv-error.ts';
import type { ClientOptions, Durability } from './options.ts';

const URL_SHAPE = /^piton:\/\/([^/?#]+)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;
const PORT_DEFAULT = 7400;

/** Throws KVError (KV_INVALID_ARGUMENT) that says what is wrong. */
export function parseUrl(url: string): ClientOptions {
  const match = URL_SHAPE.exec(url);
  if (match === null) {
    throw invalidArgument('url', 'piton://HOST:PORT[,HOST:PORT]/KEYSPACE', url);
  }
  const [, hosts = '', keyspace = '', query = ''] = match;
  const options: Record<string, unknown> = { metadata: hosts.split(',').map(withPort) };
  if (keyspace !== '') options['keyspace'] = decodeURIComponent(keyspace);
  for (const [name, value] of new URLSearchParams(query)) takeParameter(options, name, value);
  return options as unknown as ClientOptions;
}

function withPort(host: string): string {
  return /:\d+$/.test(host) && !host.endsWith(']') ? host : `${host}:${PORT_DEFAULT}`;
}

function takeParameter(options: Record<string, unknown>, name: string, value: string): void {
  switch (name) {
    case 'timeoutMs':
      options['timeoutMs'] = Number(value);
      return;
    case 'durability':
      options['durability'] = value as Durability;
      return;
    case 'codec':
      options['codec'] = value;
      return;
    case 'reads':
      options['reads'] = value;
      return;
    default:
      throw new KVError(
        'KV_INVALID_ARGUMENT',
        `url: expected the parameters timeoutMs, durability, codec, reads; got ${JSON.stringify(name)}`,
      );
  }
}
