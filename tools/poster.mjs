// Draws the picture that the static shell in index.html shows before the program is there: node tools/poster.mjs
//
// It is the live start page at 0 s, so build first with ./run --build-only; a browser test compares the two.

import { readFileSync, writeFileSync } from 'node:fs';

import { openSite, poster } from '../tests/browser/harness.mjs';

const site = await openSite();
const { page } = await site.visit();
await page.waitForSelector('#run:enabled');
const svg = await poster(page, '#app');
await site.close();

const html = readFileSync('index.html', 'utf8');
const place = /<!-- poster -->.*<!-- \/poster -->/s;
if (!place.test(html)) throw new Error('index.html has no place for the poster: <!-- poster --><!-- /poster -->');
writeFileSync('index.html', html.replace(place, () => `<!-- poster -->${svg}<!-- /poster -->`));
