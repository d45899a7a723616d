// The download budget of the built page: `node tools/budget.mjs [dist]`. 1 kB = 1000 bytes.
//
// Sizes are Brotli at its highest level, what a static host sends. "First view" is all that
// index.html itself asks for: page, styles, scripts, main wasm, preloaded fonts. The worker, the charts, three parts of the program
// with what parts share, and the lessons are fetched after the first picture; other parts when somebody opens what is in them, the full
// worker when a scenario first needs it, the event-time lab by its own page, SQLite with the first query of the SQL lab.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const LIMITS = {
  'main wasm': { warn: 250, fail: 350 },
  'its parts after the first picture': { warn: 250, fail: 300 },
  'the largest of its parts on use': { warn: 50, fail: 60 },
  'worker wasm': { warn: 100, fail: 150 },
  'charts wasm': { warn: 80, fail: 120 },
  "event-time lab's wasm": { warn: 150, fail: 200 },
  "event-time lab's worker wasm": { warn: 90, fail: 110 },
  'full worker wasm': { warn: 300, fail: 400 },
  'SQLite, script and wasm': { warn: 520, fail: 550 },
  'first view': { fail: 550 },
};

const dist = process.argv[2] ?? 'dist';

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function weigh(name) {
  const bytes = readFileSync(join(dist, name));
  const packed = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  // What is compressed already, such as woff2, is sent as it is.
  return { name, raw: bytes.length, brotli: Math.min(packed.length, bytes.length) };
}

let html;
try {
  html = readFileSync(join(dist, 'index.html'), 'utf8');
} catch {
  fail(`there is no ${dist}/index.html; build it with ./run --build-only`);
}
const linked = [...html.matchAll(/<(?:link|script|img)\b[^>]*?\s(?:href|src)\s*=\s*["']?([^"'\s>]+)/gi)]
  .map(([, address]) => address.replace(/^\.?\//, '').split(/[?#]/, 1)[0])
  .filter((name) => name && !name.includes(':') && statSync(join(dist, name), { throwIfNoEntry: false })?.isFile());

const firstView = [...new Set(['index.html', ...linked])].map(weigh);
const main = firstView.filter(({ name }) => name.endsWith('.wasm'));
if (main.length !== 1) fail(`${dist}/index.html must preload one wasm file; found ${main.length}`);
const program = (bin) => {
  const found = readdirSync(dist).filter((name) => name.startsWith(bin) && name.endsWith('.wasm'));
  if (found.length !== 1) fail(`${dist} must hold one wasm file of the program ${bin}; found ${found.length}`);
  return weigh(found[0]);
};

const folder = readdirSync(dist).filter((name) => name.startsWith('parts-'));
if (folder.length !== 1) fail(`${dist} must hold one folder of the parts of the program; found ${folder.length}`);
const parts = readdirSync(join(dist, folder[0])).map((name) => weigh(join(folder[0], name)));
const sqlite = ['index.mjs', 'sqlite3.wasm'].map((name) => weigh(join('sqlite', name)));
const total = (files) => (key) => files.reduce((total, file) => total + file[key], 0);
const sum = total(firstView);
// `Parts::fetch` in src/app/later.rs asks for these three; any part may want the pieces that it shares with another.
const early = parts.filter(({ name }) => !/split_(?!lesson|bench|paper)/.test(name));
const onUse = parts.filter((part) => !early.includes(part)).sort((a, b) => b.brotli - a.brotli);
if (onUse.length === 0) fail(`${folder[0]} has no part that is fetched on use`);
const totals = [
  { ...main[0], name: 'main wasm' },
  { name: 'its parts after the first picture', raw: total(early)('raw'), brotli: total(early)('brotli') },
  { ...onUse[0], name: 'the largest of its parts on use' },
  { ...program('worker'), name: 'worker wasm' },
  { ...program('charts'), name: 'charts wasm' },
  { ...program('lab'), name: "event-time lab's wasm" },
  { ...program('arrivals'), name: "event-time lab's worker wasm" },
  { ...program('full'), name: 'full worker wasm' },
  { name: 'SQLite, script and wasm', raw: total(sqlite)('raw'), brotli: total(sqlite)('brotli') },
  { name: 'first view', raw: sum('raw'), brotli: sum('brotli') },
];

const kb = (bytes) => (bytes / 1000).toFixed(1);
const row = (name, ...cells) => console.log(name.padEnd(40) + cells.map((cell) => String(cell).padStart(10)).join(''));

row('', 'raw kB', 'brotli kB', 'warn over', 'fail over');
for (const { name, raw, brotli } of [...firstView, ...parts]) row(`  ${name}`, kb(raw), kb(brotli));

let verdict = 0;
for (const { name, raw, brotli } of totals) {
  const limit = LIMITS[name];
  const over = (kilobytes) => kilobytes !== undefined && brotli > kilobytes * 1000;
  const note = over(limit.fail) ? '  OVER THE LIMIT' : over(limit.warn) ? '  warning: close to the limit' : '';
  row(name, kb(raw), kb(brotli), limit.warn ?? '', limit.fail + note);
  if (over(limit.fail)) verdict = 1;
}
process.exit(verdict);
