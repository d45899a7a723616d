// Runs a second of an exploration in the built page's own worker, in Chromium, and natively beside it.
//
//   node tools/explore.mjs [ORDERS] [RUNS]      default: 12 orders, 10000 runs
//
// Needs dist/ built for release. The requests are those that the page posts; the workers are the page's, one and two side by
// side, each with a share of the points. What is beyond the crash points of the scenario are pairs of crashes.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { openSite, started } from '../tests/browser/harness.mjs';

const orders = process.argv[2] ?? '12';
const runs = process.argv[3] ?? '10000';
const build = ['build', '--quiet', '--locked', '--release', '--no-default-features', '--example', 'explore'];
execFileSync('cargo', build, { stdio: ['ignore', 'inherit', 'inherit'] });
const example = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'examples', 'explore');
const ask = (...words) => execFileSync(example, words, { encoding: 'utf8', maxBuffer: 1 << 26 }).trim().split('\n');

const site = await openSite();
const { page, close } = await site.visit();
await started(page);

/// Explores in so many workers at once; seconds on the clock, without the time to start them.
const explore = (requests) =>
  page.evaluate(async (requests) => {
    const [READY, REFUSED, FOUND] = [0, 3, 5];
    const start = (onMessage) => {
      const worker = new Worker('./full_loader.js');
      worker.onmessage = ({ data }) => onMessage(data[0], worker);
      return worker;
    };
    const workers = [];
    for (const _ of requests) {
      await new Promise((up) => workers.push(start((kind) => kind === READY && up())));
    }
    const from = performance.now();
    await Promise.all(
      requests.map(
        (hex, n) =>
          new Promise((done, failed) => {
            workers[n].onmessage = ({ data }) => {
              if (data[0] === REFUSED) failed(new Error(new TextDecoder().decode(data)));
              if (data[0] === FOUND) done();
            };
            workers[n].postMessage(Uint8Array.from(hex.match(/../g), (byte) => Number.parseInt(byte, 16)));
          }),
      ),
    );
    const seconds = (performance.now() - from) / 1000;
    for (const worker of workers) worker.terminate();
    return seconds;
  }, requests);

console.log(`order-billing with ${orders} orders`);
for (const line of ask('native', orders, runs)) console.log(`native, the page's profile: ${line}`);
for (const workers of ['1', '2']) {
  const [alone, ...single] = ask('request', orders, workers, '0');
  const [, ...many] = ask('request', orders, workers, runs);
  await explore(single); // Compiled by the browser's better tier from here on.
  const once = await explore(single);
  const all = await explore(many);
  const rate = (count, seconds) => `${(count / seconds).toFixed(0)} runs a second`;
  console.log(`${workers} worker(s): ${alone} runs in ${once.toFixed(2)} s, ${rate(alone, once)}`);
  console.log(`${workers} worker(s): ${runs} runs in ${all.toFixed(2)} s, ${rate(runs, all)}`);
}
await close();
await site.close();
