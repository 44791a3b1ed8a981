// Builds a package afresh before it is packed: run by npm in the package's folder.
//
// dist is removed first, because the compiler leaves the output of deleted sources behind and a
// packed package would carry it.

import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const packageFolder = process.cwd();
if (!existsSync(join(packageFolder, 'tsconfig.json'))) {
  console.error(`${packageFolder}: expected the folder of a package, with its tsconfig.json`);
  process.exit(1);
}
rmSync(join(packageFolder, 'dist'), { recursive: true, force: true });
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);
execFileSync(process.execPath, [compiler, '-b', packageFolder], { stdio: 'inherit' });
