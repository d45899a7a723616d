// Puts the event-time lab's page beside the main one (a Trunk hook): its style sheets under the names that the build gave them.
//
// Trunk builds one page; this one shares its styles and has programs of its own, which index.html has built
// (docs/decisions/0011). A style sheet that only this page has is copied, with its hash in its name as Trunk does it.

import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PAGE = 'event-time.html';

/// The page with every `static/css/NAME.css` replaced by what `nameOf` says. Refuses a page that its own policy would break.
export async function fillIn(html, nameOf) {
  const shown = html.replace(/<!--[\s\S]*?-->/g, '');
  for (const [, attributes, text] of shown.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script\s*>/gi)) {
    if (!/\ssrc\s*=/i.test(attributes) || text.trim()) throw new Error(`${PAGE} must hold no inline script: its policy allows none`);
  }
  if (/\sstyle\s*=/i.test(shown) || /<style\b/i.test(shown)) throw new Error(`${PAGE} must hold no inline style: its policy allows none`);
  const sheets = [...new Set([...html.matchAll(/static\/css\/[\w-]+\.css/g)].map(([path]) => path))];
  if (sheets.length === 0) throw new Error(`${PAGE} names no style sheet of static/css`);
  for (const path of sheets) html = html.replaceAll(`"${path}"`, `"${await nameOf(path)}"`);
  return html;
}

/// The name of a style sheet in the built page; one that is not there yet is written.
const inDist = (dist) => async (path) => {
  const name = basename(path, '.css');
  const built = (await readdir(dist)).filter((file) => new RegExp(`^${name}-[0-9a-f]+\\.css$`).test(file));
  if (built.length > 1) throw new Error(`${dist} holds several style sheets named ${name}: ${built.join(', ')}`);
  if (built.length === 1) return built[0];
  const text = await readFile(path);
  const file = `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.css`;
  await writeFile(join(dist, file), text);
  return file;
};

if (process.argv[1] && import.meta.url === pathToFileURL(await realpath(process.argv[1])).href) {
  const dist = process.env.TRUNK_STAGING_DIR ?? process.argv[2] ?? 'dist';
  try {
    await writeFile(join(dist, PAGE), await fillIn(await readFile(PAGE, 'utf8'), inDist(dist)));
  } catch (error) {
    console.error(`error: ${PAGE}: ${error.message}`);
    process.exit(1);
  }
}
