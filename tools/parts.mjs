// Puts the parts of the page's program, which tools/bin/wasm-bindgen has split off, into the built page (a Trunk hook).

import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const dist = process.env.TRUNK_STAGING_DIR;
const release = process.env.TRUNK_PROFILE === 'release';
const built = join(process.env.CARGO_TARGET_DIR ?? 'target', 'wasm-bindgen', release ? 'release' : 'debug', 'parts');

async function only(folder, pattern) {
  const found = (await readdir(folder)).filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`expected one file like ${pattern} in ${folder}; found ${found.length}`);
  return found[0];
}

// What this compiler uses by itself; a part does not say so, unlike a whole program.
const FEATURES = ['bulk-memory', 'multivalue', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext'];

try {
  const main = await only(dist, /^app-[0-9a-f]+\.js$/);
  const folder = await only(built, /^parts-/);
  await mkdir(join(dist, folder), { recursive: true });
  for (const name of await readdir(join(built, folder))) {
    const [from, to] = [join(built, folder, name), join(dist, folder, name)];
    if (name.endsWith('.js')) {
      // Only now is it known what Trunk calls the program itself.
      await writeFile(to, (await readFile(from, 'utf8')).replace('"./app.js"', `"../${main}"`));
    } else if (release) {
      execFileSync('wasm-opt', ['-Oz', ...FEATURES.map((name) => `--enable-${name}`), from, '-o', to], { stdio: 'pipe' });
    } else {
      await writeFile(to, await readFile(from));
    }
  }
} catch (error) {
  console.error(`error: parts of the program: ${error.message}`);
  process.exit(1);
}
