// Puts SQLite, which the SQL lab fetches when it is opened, beside the built page (a Trunk hook).

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../tests/browser/node_modules', import.meta.url));
const to = join(process.env.TRUNK_STAGING_DIR ?? 'dist', 'sqlite');

try {
  await mkdir(to, { recursive: true });
  for (const name of ['index.mjs', 'sqlite3.wasm']) await copyFile(join(packages, '@sqlite.org/sqlite-wasm/dist', name), join(to, name));
} catch (error) {
  console.error(`error: SQLite for the page: ${error.message}`);
  process.exit(1);
}
