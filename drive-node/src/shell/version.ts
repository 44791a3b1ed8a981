// Which release this is, for people: `--version`, the handshake, the log.

import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../../../package.json', import.meta.url);

export const version: string = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string })
  .version;

export const software: string = `piton-drive ${version}`;
