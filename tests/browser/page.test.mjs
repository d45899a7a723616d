// The built page loads, keeps to its content security policy, and talks to nobody.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, started } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

test('the page starts without an error, a violation or a foreign request', async () => {
  const { page, report, close } = await site.visit();
  await started(page);
  assertClean(report);
  assert.equal(await page.title(), 'Streamproof');
  await close();
});

test('the policy lets the loader through by its hash and refuses any other inline script', async () => {
  const { page, report, close } = await site.visit();
  await started(page);
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval' 'sha256-[A-Za-z0-9+/]{43}='/);

  await page.evaluate(
    () =>
      new Promise((blocked) => {
        addEventListener('securitypolicyviolation', () => blocked());
        const script = document.createElement('script');
        script.textContent = 'globalThis.injected = true';
        document.head.append(script);
      }),
  );
  assert.equal(await page.evaluate(() => globalThis.injected), undefined);
  assert.match(report.violations.join(), /script-src-elem blocked inline/);
  await close();
});

test('the harness sees a foreign request, so none seen means none made', async () => {
  const { page, report, close } = await site.visit();
  await assert.rejects(page.goto('https://example.invalid/'), /ERR_NAME_NOT_RESOLVED/);
  assert.deepEqual(report.foreign, ['https://example.invalid/']);
  await close();
});

test('the worker can be started under the policy', async () => {
  const { page, report, close } = await site.visit();
  await started(page);
  const fetched = Promise.all(
    ['worker_loader.js', 'worker.js', 'worker_bg.wasm'].map((name) =>
      page.context().waitForEvent('response', (response) => response.url().endsWith(`/${name}`)),
    ),
  );
  await page.evaluate(() => {
    globalThis.worker = new Worker('./worker_loader.js');
  });
  for (const response of await fetched) assert.equal(response.status(), 200, response.url());
  assertClean(report);
  await close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`no accessibility rule is broken (${colorScheme})`, async () => {
    const { page, close } = await site.visit('', { colorScheme });
    await started(page);
    assert.deepEqual(await accessibilityProblems(page), []);
    await close();
  });
}
