// The projector theme: there before anything is drawn, on both pages, in every size; and the event-time lab in a frame.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { SIZES, accessibilityProblems, assertClean, assertPanelsAccessible, openSite, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const look = (page) =>
  page.evaluate(() => {
    const style = getComputedStyle(document.body);
    return [document.documentElement.dataset.theme, style.backgroundColor, style.color];
  });
const PROJECTED = ['projector', 'rgb(255, 255, 255)', 'rgb(0, 0, 0)'];

for (const path of ['', 'event-time.html']) {
  test(`the theme of the address is there at the first picture, whatever the system says: ${path || 'the main page'}`, async () => {
    const { page, close } = await visitSized(site, 'desk', 'fonts/OFL-1.1.txt', { colorScheme: 'dark' });
    await page.addInitScript(() => {
      globalThis.seen = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) globalThis.seen.push([entry.name, document.documentElement.dataset.theme]);
      }).observe({ type: 'paint', buffered: true });
    });
    await page.goto(`${site.url}${path}?theme=projector`);
    await page.waitForFunction(() => globalThis.seen.some(([name]) => name === 'first-contentful-paint'));
    assert.deepEqual(new Set((await page.evaluate(() => globalThis.seen)).map(([, theme]) => theme)), new Set(['projector']));
    assert.deepEqual(await look(page), PROJECTED);
    await close();
  });
}

const chooseTheme = async (page, theme) => {
  const tools = page.locator('#tools');
  if (await tools.isVisible()) await tools.click();
  await page.selectOption('#theme', theme);
};

test('the theme is chosen in the header, keeps over loading again, and leads back to the system', async () => {
  const { page, report, close } = await visitSized(site, 'desk', '', { colorScheme: 'dark' });
  await toSandbox(page);
  await chooseTheme(page, 'projector');
  assert.deepEqual(await look(page), PROJECTED);
  // The charts follow: the ground of the canvas is white.
  await page.waitForFunction(() => {
    const canvas = document.querySelector('.plot canvas');
    const [red, green, blue] = canvas.getContext('2d').getImageData(2, canvas.height - 2, 1, 1).data;
    return red + green + blue > 740;
  });
  await page.reload();
  await page.waitForSelector('#theme', { state: 'attached' });
  assert.deepEqual(await look(page), PROJECTED);
  assert.equal(await page.locator('#theme').inputValue(), 'projector');
  if (await page.locator('#to-sandbox').isVisible()) await toSandbox(page);
  await chooseTheme(page, 'auto');
  assert.equal((await look(page))[0], undefined);
  assert.doesNotMatch(page.url(), /theme=/);
  assertClean(report);
  await close();
});

for (const size of Object.keys(SIZES)) {
  test(`${size}: nothing is cut off and no accessibility rule is broken, start to explanation and settings`, async () => {
    const { page, report, close } = await visitSized(site, size, '?theme=projector');
    const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.waitForSelector('#run:enabled');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.click('#run');
    await page.waitForSelector('#cure');
    assert.ok((await sideways()) <= 0, `${await sideways()} px too wide`);
    assert.deepEqual(await accessibilityProblems(page), []);
    await assertPanelsAccessible(page, size);
    assertClean(report);
    await close();
  });

  test(`${size}: the event-time lab holds the same`, async () => {
    const { page, report, close } = await visitSized(site, size, 'event-time.html?theme=projector');
    await page.waitForSelector('#plane .reading', { state: 'attached', timeout: 60_000 });
    await page.waitForSelector('#late', { state: 'attached', timeout: 60_000 });
    await page.waitForSelector('#late-curve, .figure', { state: 'attached' });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    assert.deepEqual(await accessibilityProblems(page), []);
    assertClean(report);
    await close();
  });
}

test('in a frame the lab takes the view parameters, tells its height, and takes a theme from the course page and nothing else', async () => {
  const COURSE = 'https://course.example';
  const { page, report, close } = await site.visit('about:blank', { viewport: { width: 900, height: 800 } });
  const frame = `<iframe src="${site.url}event-time.html?embed=1&theme=projector&fit=content&frame=lab1&example=plant" title="lab" width="800" height="600" style="border:0"></iframe>`;
  await page.context().route(`${COURSE}/**`, (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Course</title><body>${frame}` }));
  await page.addInitScript(() => {
    globalThis.heard = [];
    addEventListener('message', ({ data }) => data?.ns === 'streamproof' && globalThis.heard.push(data));
  });
  await page.goto(`${COURSE}/`);
  const hears = (type) => page.waitForFunction((type) => globalThis.heard.find((one) => one.type === type), type).then((handle) => handle.jsonValue());
  const ready = await hears('ready');
  assert.deepEqual([ready.id, ready.payload.can], ['lab1', ['theme']]);
  const { payload } = await hears('size');
  assert.ok(payload.height > 500 && payload.height < 5_000, `${payload.height} px`);
  const inner = page.frameLocator('iframe');
  const root = inner.locator('html');
  assert.deepEqual(await root.evaluate((root) => [root.dataset.theme, root.dataset.embed, root.dataset.height]), ['projector', '1', 'content']);
  assert.equal(await inner.locator('#refused').count(), 0, 'view parameters are no settings');
  const ask = (type, payload, seq) =>
    page.evaluate(([type, payload, seq]) => document.querySelector('iframe').contentWindow.postMessage({ ns: 'streamproof', v: 1, type, seq, payload }, '*'), [type, payload, seq]);
  const answer = (seq) => page.waitForFunction((seq) => globalThis.heard.find((one) => one.re === seq), seq).then((handle) => handle.jsonValue());
  await ask('theme', { mode: 'dark' }, 1);
  assert.equal((await answer(1)).type, 'ok');
  assert.equal(await root.getAttribute('data-theme'), 'dark');
  await ask('play', {}, 2);
  assert.match((await answer(2)).payload.message, /no message of type "play"/);
  assert.deepEqual([report.errors, report.violations], [[], []]);
  await close();
});

test('by keyboard: the tools open, and the theme is chosen', async () => {
  const { page, close } = await visitSized(site, 'tablet');
  await toSandbox(page);
  await page.focus('#tools');
  await page.keyboard.press('Enter');
  await page.focus('#theme');
  await page.keyboard.press('p');
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'projector');
  await close();
});
