// Builds each package alone, from a clean tree, with nothing but what it declares.
//
// In a workspace an undeclared import of a sibling or of a neighbour's dependency compiles without
// complaint, and fails only for those who install the package. So each package is copied to a
// temporary folder together with the siblings that it declares (and they declare, and so on), only
// the declared dependencies are linked in, and the compiler must be content.

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const rootManifest = readJson(join(root, 'package.json'));
const manifests = new Map(
  rootManifest.workspaces.map((folder) => [folder, readJson(join(root, folder, 'package.json'))]),
);
const folderOf = new Map([...manifests].map(([folder, manifest]) => [manifest.name, folder]));

function declaredBy(manifest) {
  return Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  });
}

/** The package and every sibling that it needs, by folder. */
function closureOf(folder, found = new Set()) {
  if (found.has(folder)) return found;
  found.add(folder);
  for (const name of declaredBy(manifests.get(folder))) {
    const sibling = folderOf.get(name);
    if (sibling !== undefined) closureOf(sibling, found);
  }
  return found;
}

function copySources(folder, target) {
  const isWanted = (source) => !/[\\/](dist|node_modules|results)$/.test(source);
  cpSync(join(root, folder), join(target, folder), { recursive: true, filter: isWanted });
}

function link(place, source) {
  mkdirSync(dirname(place), { recursive: true });
  if (!existsSync(place)) symlinkSync(source, place, 'dir');
}

/** Each package sees its own dependencies only, not those of the siblings it is copied with. */
function linkDependencies(names, target, folder) {
  for (const name of names) {
    const sibling = folderOf.get(name);
    const source = sibling === undefined ? join(root, 'node_modules', name) : join(target, sibling);
    if (existsSync(source)) link(join(target, folder, 'node_modules', name), source);
  }
}

function prepareTree(folder, target) {
  const siblings = closureOf(folder);
  cpSync(join(root, 'tsconfig.base.json'), join(target, 'tsconfig.base.json'));
  for (const sibling of siblings) copySources(sibling, target);
  for (const sibling of siblings) {
    linkDependencies(declaredBy(manifests.get(sibling)), target, sibling);
  }
  linkDependencies(declaredBy(rootManifest), target, '.');
  return siblings;
}

function build(folder, target) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-b', join(target, folder)], { stdio: 'pipe' });
}

let failures = 0;
for (const folder of manifests.keys()) {
  const target = mkdtempSync(join(tmpdir(), 'piton-package-'));
  try {
    const siblings = prepareTree(folder, target);
    build(folder, target);
    console.log(`${folder}: builds alone (with ${[...siblings].slice(1).join(', ') || 'nothing'})`);
  } catch (error) {
    failures++;
    console.log(`${folder}: DOES NOT BUILD ALONE`);
    console.log(String(error.stdout ?? '') + String(error.stderr ?? '') || error.message);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}
console.log(`${manifests.size - failures} packages build alone, ${failures} do not`);
process.exitCode = failures > 0 ? 1 : 0;
