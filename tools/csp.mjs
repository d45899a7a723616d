// Puts the loader's hash into the content security policy of the built page (a Trunk hook).
//
// The policy in index.html allows scripts from the page's own folder and nothing inline. Trunk starts
// the app from one inline script that holds the hashed file names, so its hash is new with every
// build and can only be filled in here. See https://www.w3.org/TR/CSP3/#match-element-to-source-list

import { createHash } from 'node:crypto';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const TOKEN = 'sha256-LOADER';

/// The page with the token replaced. Refuses a page where that would protect nothing or break it.
export function fillIn(html) {
  const tokens = html.split(TOKEN).length - 1;
  if (tokens !== 1) throw new Error(`index.html must name '${TOKEN}' once, in its policy; found ${tokens}`);

  const inline = [...html.replace(/<!--[\s\S]*?-->/g, '').matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script\s*>/gi)]
    .filter(([, attributes]) => !/\ssrc\s*=/i.test(attributes))
    // Browsers hash the text after the parser has made every line end a single \n.
    .map(([, , text]) => text.replace(/\r\n?/g, '\n'));
  if (inline.length !== 1) {
    throw new Error(`index.html must hold one inline script, Trunk's loader; found ${inline.length}`);
  }
  const hash = createHash('sha256').update(inline[0], 'utf8').digest('base64');
  return html.replace(TOKEN, `sha256-${hash}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(await realpath(process.argv[1])).href) {
  const page = join(process.env.TRUNK_STAGING_DIR ?? process.argv[2] ?? 'dist', 'index.html');
  try {
    await writeFile(page, fillIn(await readFile(page, 'utf8')));
  } catch (error) {
    console.error(`error: content security policy: ${error.message}`);
    process.exit(1);
  }
}
