// The version of this package, for --version, the handshake and the status.

import { readFileSync } from 'node:fs';

const manifest: { version: string } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);

export const version: string = manifest.version;
export const software: string = `piton-meta ${version}`;
