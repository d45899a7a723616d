// The run on paper.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, openSite, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// How many pages a PDF has.
const pages = (pdf) => [...pdf.toString('latin1').matchAll(/\/Type\s*\/Page\b(?!s)/g)].length;

for (const [name, query] of [
  ['light', ''],
  ['in the projector theme', '?theme=projector'],
]) {
  test(`the run sheet has scenario, changes, verdict, picture, plots, link, code and digest, on two pages (${name})`, async () => {
    const { page, report, close } = await visitSized(site, 'desk', `${query}#r=1;sc=order-billing;set=acks:1;t=4000`);
    await page.waitForSelector('#scrubber', { state: 'attached' });
    await page.waitForSelector('.plot canvas');
    const digest = await page.locator('#digest').getAttribute('data-digest');
    await page.evaluate(() => {
      globalThis.print = () => {
        globalThis.printed = true;
      };
    });
    await page.click('#share');
    await page.click('#print-run');
    await page.waitForFunction(() => globalThis.printed);
    const sheet = page.locator('.run-sheet');
    assert.equal(await sheet.isVisible(), false, 'on the screen there is none');
    await page.emulateMedia({ media: 'print' });
    await sheet.waitFor({ state: 'visible' });
    assert.equal(await page.locator('.workbench').isVisible(), false);
    const text = await sheet.innerText();
    for (const part of [/Orders paid twice/, /seed 42/, new RegExp(digest), /#r=1;sc=order-billing;/, /acks\s+all\s+1/, /net\.drop_ack/, /struck at/, /duplicates/, /At 4\.000 s/]) {
      assert.match(text, part);
    }
    assert.equal(await sheet.locator('.qr').count(), 1);
    assert.equal(await sheet.locator('figure img').count(), 4);
    assert.ok(await sheet.locator('figure img').evaluateAll((images) => images.every((image) => image.complete && image.naturalWidth > 100)));
    assert.ok(await sheet.locator('.diagram').isVisible());
    const pdf = await page.pdf({ format: 'A4', printBackground: true });
    assert.ok(pages(pdf) <= 2, `${pages(pdf)} pages`);
    await page.emulateMedia({ media: 'screen' });
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    await sheet.waitFor({ state: 'detached' });
    assertClean(report);
    await close();
  });
}

test("the browser's own print command gives the same sheet", async () => {
  const { page, close } = await visitSized(site, 'desk');
  await toSandbox(page);
  await page.waitForSelector('#next-step');
  await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => /split_paper/.test(name)));
  await page.waitForTimeout(300);
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.waitForSelector('.run-sheet', { state: 'attached' });
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await page.waitForSelector('.run-sheet', { state: 'detached' });
  await close();
});
