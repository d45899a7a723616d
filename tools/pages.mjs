// Puts the event-time lab's page and the speaker's window beside the main page (a Trunk hook): their style sheets under the
// names that the build gave them.
//
// Trunk builds one page; these share its styles, and the lab has programs of its own, which index.html has built
// (docs/decisions/0011). A style sheet that only such a page has is copied, with its hash in its name as Trunk does it.

import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PAGES = ['event-time.html', 'speaker.html'];

/// The page with every `static/css/NAME.css` replaced by what `nameOf` says. Refuses a page that its own policy would break.
export async function fillIn(html, nameOf, page = PAGES[0]) {
  const shown = html.replace(/<!--[\s\S]*?-->/g, '');
  for (const [, attributes, text] of shown.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script\s*>/gi)) {
    if (!/\ssrc\s*=/i.test(attributes) || text.trim()) throw new Error(`${page} must hold no inline script: its policy allows none`);
  }
  if (/\sstyle\s*=/i.test(shown) || /<style\b/i.test(shown)) throw new Error(`${page} must hold no inline style: its policy allows none`);
  const sheets = [...new Set([...html.matchAll(/static\/css\/[\w-]+\.css/g)].map(([path]) => path))];
  if (sheets.length === 0) throw new Error(`${page} names no style sheet of static/css`);
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
  for (const page of PAGES) {
    try {
      await writeFile(join(dist, page), await fillIn(await readFile(page, 'utf8'), inDist(dist), page));
    } catch (error) {
      console.error(`error: ${page}: ${error.message}`);
      process.exit(1);
    }
  }
}
