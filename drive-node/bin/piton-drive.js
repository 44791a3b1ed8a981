#!/usr/bin/env node
// Stands outside dist so that npm finds it at install time, before anything is built.
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('piton-drive: not built yet; run: npm run build');
  process.exitCode = 1;
}
