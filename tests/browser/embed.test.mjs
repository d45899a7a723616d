// The page in a frame of a course page: it starts in every sandbox, talks by the rules of docs/embedding.md, and several
// frames on one page leave each other alone.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { openSite } from './harness.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COURSE = 'https://course.example';
const SANDBOX = 'allow-scripts allow-same-origin allow-downloads allow-popups allow-popups-to-escape-sandbox';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// A course page at `origin` with this body. What the frames say is kept there, with who said it.
async function course(body, { origin = COURSE, viewport = { width: 1000, height: 800 }, ...options } = {}) {
  const { page, report, close } = await site.visit('about:blank', { viewport, ...options });
  await page.context().route(`${origin}/**`, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Course</title><body>${body}` }),
  );
  await page.addInitScript(() => {
    globalThis.heard = [];
    addEventListener('message', ({ data, origin, source }) => {
      const frame = [...document.querySelectorAll('iframe')].findIndex((frame) => frame.contentWindow === source);
      globalThis.heard.push({ data, origin, frame });
    });
  });
  await page.goto(`${origin}/`);
  const say = (message, frame = 0) =>
    page.evaluate(([message, frame]) => document.querySelectorAll('iframe')[frame].contentWindow.postMessage(message, '*'), [message, frame]);
  let seq = 100;
  return {
    page,
    report,
    close,
    say,
    heard: (type) => page.evaluate((type) => globalThis.heard.filter(({ data }) => data?.type === type), type),
    /// Waits for a message of a type, of a frame.
    hears: (type, frame = 0) =>
      page
        .waitForFunction(([type, frame]) => globalThis.heard.find((one) => one.frame === frame && one.data?.type === type), [type, frame])
        .then((handle) => handle.jsonValue()),
    /// Sends a message and gives its answer.
    ask: async (type, payload = {}, more = {}, frame = 0) => {
      const number = ++seq;
      await say({ ns: 'streamproof', v: 1, type, seq: number, payload, ...more }, frame);
      const answer = await page.waitForFunction((number) => globalThis.heard.find(({ data }) => data?.re === number), number);
      return (await answer.jsonValue()).data;
    },
  };
}

const frame = (query = '', attributes = `sandbox="${SANDBOX}"`) =>
  `<iframe src="${site.url}?embed=1&${query}" title="lab" width="800" height="600" style="border:0" ${attributes}></iframe>`;
const pinned = `origin=${encodeURIComponent(COURSE)}`;
const clean = (report) => assert.deepEqual([report.errors, report.violations], [[], []]);

for (const [name, attributes] of [
  ['without a sandbox', ''],
  ['in the sandbox of the docs', `sandbox="${SANDBOX}"`],
  ['with scripts alone: no origin, no storage, no worker', 'sandbox="allow-scripts"'],
]) {
  test(`the page starts in a frame ${name}`, async () => {
    const host = await course(frame(`lesson=lost-ack&${pinned}`, attributes));
    const ready = await host.hears('ready');
    const { data } = ready;
    assert.deepEqual([data.ns, data.v, data.payload.sim, data.payload.lesson], ['streamproof', 1, 1, 'lost-ack']);
    assert.match(data.payload.app, /^\d+\.\d+\.\d+$/);
    const { data: run } = await host.hears('run');
    assert.equal(run.payload.counters.sent, 40);
    assert.ok(run.payload.latency_ms.p50 > 100 && run.payload.latency_ms.p99 >= run.payload.latency_ms.p50);
    assert.match(run.payload.link, /^#r=1;sc=order-billing;d=/);
    const inner = host.page.frameLocator('iframe');
    await inner.locator('.diagram').first().waitFor();
    // Nothing scrolls in a frame of 800 by 600.
    const over = await inner.locator('html').evaluate((root) => [root.scrollHeight - root.clientHeight, root.scrollWidth - root.clientWidth]);
    assert.deepEqual(over, [0, 0]);
    clean(host.report);
    await host.close();
  });
}

test('the course page plays, seeks, steps, sets, loads and reads; every answer names its question', async () => {
  const host = await course(frame(`lesson=lost-ack&frame=one&${pinned}`));
  await host.hears('run');
  assert.equal((await host.ask('seek', { t: 5000 })).type, 'ok');
  const at = async () => (await host.ask('get', { what: 'run' })).payload.result.t;
  assert.equal(await at(), 5000);
  await host.ask('step', { n: 3 });
  assert.ok((await at()) >= 5000);
  assert.deepEqual((await host.ask('play')).payload, {});
  await host.ask('pause', {}, { id: 'one' });
  assert.equal((await host.ask('get', { what: 'run' })).payload.result.state, 'paused');

  const before = (await host.ask('get', { what: 'run' })).payload.result;
  assert.equal(before.counters.dup, 1);
  assert.match((await host.ask('get', { what: 'csv' })).payload.result, /^order,at_ms,outcome\r\n17,\d+,duplicated\r\n/);
  await host.ask('set', { 'enable.idempotence': true });
  await host.page.waitForFunction(() => globalThis.heard.some(({ data }) => data?.type === 'run' && data.payload.counters.dup === 0));
  await host.ask('load', { link: before.link });
  await host.page.waitForFunction(() => globalThis.heard.at(-1).data?.payload?.counters?.dup === 1);
  const { payload } = await host.ask('get', { what: 'progress' });
  assert.deepEqual([payload.result.lesson, payload.result.step, payload.result.done], ['lost-ack', 1, false]);
  await host.ask('restore', { progress: { ...payload.result, step: 3 } });
  await host.page.waitForFunction(() => globalThis.heard.some(({ data }) => data?.type === 'progress' && data.payload.step === 3));
  await host.ask('theme', { mode: 'dark', scale: 125 });
  const root = host.page.frameLocator('iframe').locator('html');
  assert.deepEqual(
    await root.evaluate((root) => [root.dataset.theme, getComputedStyle(root).fontSize]),
    ['dark', '20px'],
  );
  // Another lesson is another page.
  await host.ask('load', { lesson: 'lost-ack', step: 2 });
  await host.page.waitForFunction(() => globalThis.heard.filter(({ data }) => data?.type === 'ready').length === 2);
  clean(host.report);
  await host.close();
});

test('a prediction is told once it is locked in', async () => {
  const host = await course(frame(`lesson=lost-ack&${pinned}`));
  await host.hears('progress');
  const inner = host.page.frameLocator('iframe');
  await inner.locator('.drawer-button').first().click();
  const lesson = inner.locator('#lesson');
  await lesson.locator('.steps button[aria-label*=", predict: "]').first().click();
  await lesson.locator('.options').getByText('One', { exact: true }).click();
  await lesson.locator('.sure input').nth(2).check();
  assert.deepEqual(await host.heard('prediction'), []);
  await lesson.getByRole('button', { name: 'Lock in my prediction' }).click();
  const { data } = await host.hears('prediction');
  const { task, choice, ...rest } = data.payload;
  assert.match(`${task} ${choice}`, /^[a-z0-9-]+ [a-z]$/);
  assert.deepEqual(rest, { lesson: 'lost-ack', sure: 2, right: false });
  assert.equal((await host.heard('prediction')).length, 1);
  await host.close();
});

test('every malformed message is refused with its reason and changes nothing', async () => {
  const host = await course(frame(`lesson=lost-ack&frame=one&${pinned}`));
  await host.hears('run');
  await host.ask('seek', { t: 1000 });
  for (const [message, reason] of [
    [{ v: 2, type: 'play' }, /v is not 1/],
    [{ v: 1, type: 'eval' }, /no message of type "eval"/],
    [{ v: 1, type: 'constructor' }, /no message of type/],
    [{ v: 1, type: 'play', payload: [] }, /payload is no object/],
    [{ v: 1, type: 'play', payload: { now: 1 } }, /"play" has no field "now"/],
    [{ v: 1, type: 'play', extra: 1 }, /a message has no field "extra"/],
    [{ v: 1, type: 'play', id: 'two' }, /id is not the name of this frame/],
    [{ v: 1, type: 'play', re: 1 }, /re belongs into answers/],
    [{ v: 1, type: 'seek', payload: { t: '5' } }, /t is "5"/],
    [{ v: 1, type: 'step', payload: { n: 1e9 } }, /1 to 1000/],
    [{ v: 1, type: 'set', payload: { acsk: 1 } }, /damaged at `set=acsk`/],
    [{ v: 1, type: 'set', payload: { acks: '1', 'enable.idempotence': true } }, /ConfigException/],
    [{ v: 1, type: 'load', payload: { link: '#r=1;sc=x' } }, /no scenario has this name/],
    [{ v: 1, type: 'load', payload: { lesson: '../x' } }, /lesson is no name/],
    [{ v: 1, type: 'theme', payload: { mode: 'url(x)' } }, /mode is none of/],
    [{ v: 1, type: 'theme', payload: { scale: 1000 } }, /scale is no whole number/],
    [{ v: 1, type: 'restore', payload: { progress: { lesson: 'x', step: 1 } } }, /no progress of the lesson/],
    [{ v: 1, type: 'get', payload: { what: 'cookies' } }, /none of run, progress, csv/],
    [{ v: 1, type: 'set', payload: { title: 'x'.repeat(1_000_000) } }, /more than 65536 bytes/],
  ]) {
    // Below the limit of messages a second.
    await host.page.waitForTimeout(60);
    const answer = await host.ask(message.type, {}, message);
    assert.equal(answer.type, 'error', JSON.stringify(message).slice(0, 99));
    assert.match(answer.payload.message, reason);
  }
  const { result } = (await host.ask('get', { what: 'run' })).payload;
  assert.deepEqual([result.t, result.state, result.counters.dup], [1000, 'paused', 1]);
  // What is no message of ours is not answered at all.
  const before = await host.page.evaluate(() => globalThis.heard.length);
  for (const other of [null, 5, 'x', { ns: 'other', type: 'play' }, [1]]) await host.say(other);
  await host.page.waitForTimeout(300);
  assert.equal(await host.page.evaluate(() => globalThis.heard.length), before);
  clean(host.report);
  await host.close();
});

test('a flood is dropped with one error', async () => {
  const host = await course(frame(pinned));
  await host.hears('run');
  await host.page.waitForTimeout(1_100);
  await host.page.evaluate(() => {
    const { contentWindow } = document.querySelector('iframe');
    for (let n = 0; n < 300; n++) contentWindow.postMessage({ ns: 'streamproof', v: 1, type: 'pause', seq: n }, '*');
  });
  await host.page.waitForTimeout(1_500);
  const floods = (await host.heard('error')).filter(({ data }) => data.payload.code === 'flood');
  const answers = (await host.heard('ok')).length;
  // Twice if the second turned while they came.
  assert.ok(floods.length >= 1 && floods.length <= 2 && answers <= 40, `${floods.length} errors, ${answers} answers`);
  await host.close();
});

for (const [name, origin, parameter] of [
  ['another origin', 'https://course.example.evil.test', pinned],
  ['no origin named', COURSE, ''],
  ['a pattern', COURSE, 'origin=*'],
  ['null', COURSE, 'origin=null'],
  ['plain http', COURSE, 'origin=http%3A%2F%2Fcourse.example'],
  ['more than an origin', COURSE, `${pinned}%2Fpath`],
]) {
  test(`nothing about the learner is told or restored: ${name}`, async () => {
    const host = await course(frame(`lesson=lost-ack&${parameter}`), { origin });
    await host.hears('ready');
    const refused = await host.ask('get', { what: 'progress' });
    assert.match(refused.payload.message, /origin named by origin= only/);
    assert.match((await host.ask('restore', { progress: { lesson: 'lost-ack', step: 2 } })).payload.message, /origin/);
    // Commands that touch no learner's data are anyone's who has the frame; where an origin is named, answers go there alone.
    if (origin === COURSE) assert.equal((await host.ask('pause')).type, 'ok');
    await host.page.waitForTimeout(500);
    for (const type of ['progress', 'prediction', 'run']) assert.deepEqual(await host.heard(type), []);
    await host.close();
  });
}

test('a message of anybody but the parent is not heard', async () => {
  const host = await course(`${frame(pinned)}<iframe id="other" srcdoc="<p>other</p>"></iframe>`);
  await host.hears('run');
  await host.page.frameLocator('#other').locator('p').evaluate(() => {
    parent.frames[0].postMessage({ ns: 'streamproof', v: 1, type: 'play', seq: 9 }, '*');
  });
  await host.page.waitForTimeout(400);
  assert.equal((await host.ask('get', { what: 'run' })).payload.result.state, 'paused');
  assert.deepEqual(await host.page.evaluate(() => globalThis.heard.filter(({ data }) => data?.re === 9)), []);
  await host.close();
});

test('each of the three resizers is answered in its words when it asks, and size is told by itself', async () => {
  const host = await course(frame(`fit=content&${pinned}`));
  // First of all there is little to see.
  await host.hears('run');
  const grown = () => globalThis.heard.map(({ data }) => data).findLast((data) => data?.type === 'size' && data.payload.height > 300);
  const size = await (await host.page.waitForFunction(grown)).jsonValue();
  assert.ok(size.payload.height < 5_000, `${size.payload.height} px`);
  await host.say('[iFrameSizer]lab1:8:false:false:32:true:true:null:bodyOffset:null:null:0:false:parent:scroll:true');
  await host.say({ type: 'iframe-child-init' });
  await host.say({ context: 'h5p', action: 'hello' });
  await host.say({ context: 'h5p', action: 'resizePrepared' });
  const said = await host.page.waitForFunction(() => {
    const data = globalThis.heard.map(({ data }) => data);
    const found = [
      data.find((one) => typeof one === 'string' && /^\[iFrameSizer\]lab1:\d+:\d+:init$/.test(one)),
      data.find((one) => one?.type === 'iframe-resized'),
      data.find((one) => one?.context === 'h5p' && one.action === 'prepareResize'),
      data.find((one) => one?.context === 'h5p' && one.action === 'resize'),
    ];
    return found.every(Boolean) && found;
  });
  const [sizer, open, prepare, resize] = await said.jsonValue();
  const heights = [Number(sizer.split(':')[1]), open.height, prepare.scrollHeight, resize.height];
  for (const height of heights) assert.ok(height > 200 && height < 5_000, heights.join());
  // The frame as tall as it asks for does not grow for ever.
  await host.page.evaluate((height) => (document.querySelector('iframe').height = height), size.payload.height);
  await host.page.waitForTimeout(800);
  const sizes = await host.heard('size');
  assert.ok(sizes.length < 8, `${sizes.length} sizes: ${sizes.map(({ data }) => data.payload.height)}`);
  await host.close();
});

test('of several frames one plays at a time, and none that is off screen', async () => {
  const space = '<div style="height:3000px"></div>';
  const host = await course(frame(`frame=a&${pinned}`) + frame(`frame=b&${pinned}`) + space, { viewport: { width: 1700, height: 700 } });
  await host.hears('run', 0);
  await host.hears('run', 1);
  const state = async (n) => (await host.ask('get', { what: 'run' }, {}, n)).payload.result.state;
  await host.ask('play', {}, {}, 0);
  assert.equal(await state(0), 'playing');
  await host.ask('play', {}, {}, 1);
  await host.page.waitForFunction(() => globalThis.heard.some(({ data, frame }) => frame === 1 && data?.payload?.state === 'playing'));
  assert.equal(await state(0), 'paused');
  await host.page.evaluate(() => scrollTo(0, 2500));
  await host.page.waitForFunction(() => globalThis.heard.filter(({ frame, data }) => frame === 1 && data?.type === 'run').at(-1).data.payload.state === 'paused');
  await host.close();
});

test('view parameters change what is seen and never the run', async () => {
  const digest = async (query) => {
    const host = await course(frame(`${query}&${pinned}`));
    const { data } = await host.hears('run');
    const inner = host.page.frameLocator('iframe');
    const seen = {
      transport: await inner.locator('.transport').isVisible(),
      faults: await inner.locator('#faults').isVisible(),
      theme: await inner.locator('html').getAttribute('data-theme'),
    };
    await host.close();
    return { digest: data.payload.digest, seen };
  };
  const plain = await digest('theme=auto');
  const changed = await digest('theme=projector&scale=150&controls=play&keys=0&storage=0&fit=content');
  const none = await digest('controls=none&theme=light');
  assert.deepEqual([changed.digest, none.digest], [plain.digest, plain.digest]);
  assert.deepEqual(plain.seen, { transport: true, faults: true, theme: null });
  assert.deepEqual(changed.seen, { transport: true, faults: false, theme: 'projector' });
  assert.deepEqual(none.seen, { transport: false, faults: false, theme: 'light' });
});

test('autoplay plays by itself, stops after five seconds, and not at all where motion is unwelcome', async () => {
  const host = await course(frame(`autoplay=1&${pinned}`));
  const states = () => host.heard('run').then((runs) => runs.map(({ data }) => data.payload.state));
  await host.page.waitForFunction(() => globalThis.heard.some(({ data }) => data?.payload?.state === 'playing'));
  await host.page.waitForTimeout(6_000);
  assert.notEqual((await states()).at(-1), 'playing');
  await host.close();
  const still = await course(frame(`autoplay=1&${pinned}`), { reducedMotion: 'reduce' });
  await still.hears('run');
  await still.page.waitForTimeout(1_000);
  assert.ok((await still.heard('run')).every(({ data }) => data.payload.state !== 'playing'));
  await still.close();
});

test('the element makes the frame of the docs, follows its height, and hands on what it says', async () => {
  const body = `<script type="module" src="${site.url}embed.js" integrity="${integrity()}" crossorigin="anonymous"></script>
    <streamproof-lab lesson="lost-ack" height="auto" link="#r=1;sc=order-billing;set=enable.idempotence:true"></streamproof-lab>
    <script>globalThis.told = []; for (const type of ['ready', 'size', 'run', 'progress'])
      addEventListener('streamproof:' + type, ({ detail }) => told.push([type, detail]));</script>`;
  const host = await course(body);
  await host.page.waitForFunction(() => globalThis.told.some(([type]) => type === 'run'));
  const told = await host.page.evaluate(() => globalThis.told);
  assert.equal(told.find(([type]) => type === 'run')[1].counters.dup, 0);
  const { sandbox, height } = await host.page.evaluate(() => {
    const frame = document.querySelector('iframe');
    return { sandbox: frame.getAttribute('sandbox'), height: Number(frame.height) };
  });
  assert.equal(sandbox, SANDBOX);
  const sizes = told.filter(([type]) => type === 'size').map(([, { height }]) => height);
  assert.ok(sizes.includes(height), `${height} is none of ${sizes}`);
  clean(host.report);
  await host.close();
});

const integrity = () => `sha384-${createHash('sha384').update(readFileSync(`${ROOT}static/embed.js`)).digest('base64')}`;

test('the element is one small module, and the docs have its hash', () => {
  const module = readFileSync(`${ROOT}static/embed.js`, 'utf8');
  assert.ok(module.length <= 4_096, `${module.length} bytes`);
  assert.doesNotMatch(module, /\bimport\s*[{*'"]/);
  assert.ok(readFileSync(`${ROOT}docs/embedding.md`, 'utf8').includes(integrity()), `docs/embedding.md has to name ${integrity()}`);
});
