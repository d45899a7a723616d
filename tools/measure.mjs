// What a learner waits for: first paint, the page ready to run, and how evenly it moves while it plays.
//
//   node tools/measure.mjs [ROUNDS]      default: 5 rounds, after ./run --build-only
//
// Times on a shared machine are noise; the table gives the median and, beside it, what an empty page and an empty
// animation cost in the same browser. Slow: "Fast 3G" and a quarter of the processor, as browsers' own tools define it.

import { openSite } from '../tests/browser/harness.mjs';

const rounds = Number(process.argv[2] ?? 5);
const SLOW = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const ms = (values) => `${Math.round(median(values))} ms`.padStart(9);

const site = await openSite();

/// Milliseconds from navigation to the first contentful paint, and to the one button that can be pressed.
async function load(slow) {
  const { page, close } = await site.visit('fonts/OFL-1.1.txt', { viewport: { width: 1440, height: 900 } });
  if (slow) {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Network.enable');
    await devtools.send('Network.emulateNetworkConditions', SLOW);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  }
  await page.goto(site.url, { waitUntil: 'commit' });
  const ready = await page.waitForFunction(() => document.querySelector('#run:enabled') && performance.now(), undefined, { polling: 'raf' });
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN);
  const times = { paint, ready: await ready.jsonValue() };
  await close();
  return times;
}

/// Gaps between frames, in ms, while `start` plays for `seconds`.
async function frames(path, start, seconds) {
  const { page, close } = await site.visit(path, { viewport: { width: 1440, height: 900 } });
  await start(page);
  const gaps = await page.evaluate(
    (seconds) =>
      new Promise((done) => {
        const gaps = [];
        let last, first;
        const frame = (now) => {
          if (last !== undefined) gaps.push(now - last);
          last = now;
          first ??= now;
          if (now - first < seconds * 1000) requestAnimationFrame(frame);
          else done(gaps);
        };
        requestAnimationFrame(frame);
      }),
    seconds,
  );
  await close();
  return gaps;
}

console.log('                        first paint    ready');
for (const slow of [false, true]) {
  const times = [];
  for (let round = 0; round < (slow ? Math.min(rounds, 3) : rounds); round++) times.push(await load(slow));
  console.log(`${(slow ? 'slow phone' : 'this machine').padEnd(24)}${ms(times.map(({ paint }) => paint))}${ms(times.map(({ ready }) => ready))}`);
}

const playing = async (page) => {
  await page.click('#run');
  await page.waitForSelector('#play');
};
const EDGES = [18, 26, 34, 51, 101];
console.log(`\nframes while playing    ${EDGES.map((edge) => `< ${edge} ms`.padStart(10)).join('')}    longer    median`);
for (const [name, path, start] of [
  ['nothing but frames', 'fonts/OFL-1.1.txt', async () => {}],
  ['playing the run', '', playing],
]) {
  const gaps = await frames(path, start, 4);
  const counts = EDGES.map((edge, n) => gaps.filter((gap) => gap < edge && gap >= (EDGES[n - 1] ?? 0)).length);
  const longer = gaps.length - counts.reduce((a, b) => a + b, 0);
  console.log(`${name.padEnd(24)}${counts.map((n) => String(n).padStart(10)).join('')}${String(longer).padStart(10)}${`${median(gaps).toFixed(1)} ms`.padStart(10)}`);
}
await site.close();
