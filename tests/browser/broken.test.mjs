// A mistake of ours in the page's program or in its worker: a sentence, the run's address, something to report, and the
// learner's work is there after loading again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, openSite, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

test('a program that stops says so with the run and a report, and the run comes back', async () => {
  const { page, close } = await visitSized(site, 'desk', 'fonts/OFL-1.1.txt');
  await page.goto(site.url);
  await toSandbox(page);
  await page.selectOption('#scenario', 'acks-one');
  await page.waitForFunction(() => /sc=acks-one.*;d=[0-9a-f]{16}/.test(decodeURIComponent(location.hash)));
  const [address, digest] = [page.url(), await page.locator('#digest').getAttribute('data-digest')];
  // What the browser throws when the program panics.
  await page.evaluate(() => {
    // (module (func (export "f") unreachable))
    const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11]);
    setTimeout(() => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f());
  });
  const box = page.locator('.broken');
  await box.waitFor();
  assert.match(await box.innerText(), /has stopped on a mistake of its own\. Your run is in the address/);
  assert.equal(await page.locator('#broken-link').inputValue(), address);
  const report = await page.locator('#broken-report').inputValue();
  assert.ok(report.includes(address) && /unreachable/.test(report), report);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.keyboard.press('Enter');
  await page.waitForFunction((digest) => document.getElementById('digest')?.dataset.digest === digest, digest);
  assert.equal(await page.locator('.broken').count(), 0);
  await close();
});

test('a worker that stops at work is told about, what is set stays, and the next run has a new one', async () => {
  const { page, close } = await visitSized(site, 'desk', 'fonts/OFL-1.1.txt');
  await page.addInitScript(() => {
    const Real = globalThis.Worker;
    globalThis.workers = [];
    globalThis.Worker = class extends Real {
      constructor(...how) {
        super(...how);
        globalThis.workers.push(this);
      }
      postMessage(bytes, ...rest) {
        // A request that stops the simulator.
        if (globalThis.breaks) {
          setTimeout(() => this.dispatchEvent(new ErrorEvent('error', { message: 'unreachable' })));
          return;
        }
        super.postMessage(bytes, ...rest);
      }
    };
  });
  await page.goto(site.url);
  await toSandbox(page);
  await page.evaluate(() => {
    globalThis.breaks = true;
    document.activeElement.blur();
  });
  await page.keyboard.press('n');
  await page.waitForSelector('#run-problem');
  assert.match(await page.locator('#run-problem').innerText(), /The simulator stopped on a mistake of its own/);
  assert.ok(await page.locator('.diagram').first().isVisible(), 'the run before stays');
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.evaluate(() => {
    globalThis.breaks = false;
  });
  const before = await page.locator('#digest').getAttribute('data-digest');
  await page.keyboard.press('n');
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest !== before, before);
  assert.match(await page.locator('.top').innerText(), /seed 44/);
  assert.equal(await page.locator('#run-problem').count(), 0);
  assert.equal(await page.evaluate(() => globalThis.workers.length), 2);
  await close();
});

test('a request that no worker can read is refused and stops nothing', async () => {
  const { page, close } = await visitSized(site, 'desk', 'fonts/OFL-1.1.txt');
  await page.addInitScript(() => {
    const Real = globalThis.Worker;
    globalThis.Worker = class extends Real {
      postMessage(bytes, ...rest) {
        super.postMessage(globalThis.garble ? new Uint8Array([255, 255, 255]) : bytes, ...rest);
      }
    };
  });
  await page.goto(site.url);
  await toSandbox(page);
  await page.evaluate(() => {
    globalThis.garble = true;
    document.activeElement.blur();
  });
  const before = await page.locator('#digest').getAttribute('data-digest');
  await page.keyboard.press('n');
  await page.waitForTimeout(300);
  await page.evaluate(() => {
    globalThis.garble = false;
  });
  await page.keyboard.press('n');
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest !== before, before);
  await close();
});
