// The tools that build and serve the page refuse what they should.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliDecompressSync } from 'node:zlib';

import { fillIn } from '../../tools/csp.mjs';
import { fillIn as fillInLab } from '../../tools/pages.mjs';
import { serve } from '../../tools/serve.mjs';

let folder, site;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamproof-'));
  await mkdir(join(folder, 'site/sub'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  for (const name of ['index.html', 'app.wasm', 'app.js', 'page.md', 'font.woff2', '.stamp', 'a b.css', 'sub/index.html']) {
    await writeFile(join(folder, 'site', name), name);
  }
  await symlink(join(folder, 'secret.txt'), join(folder, 'site/link.txt'));
  site = await serve(join(folder, 'site'));
});
after(async () => {
  await site?.close();
  await rm(folder, { recursive: true });
});

/// `fetch` would tidy the path up, so the request is made by hand.
const get = (path, method = 'GET', headers = {}) =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: site.port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });

for (const [path, type] of [
  ['/', 'text/html; charset=utf-8'],
  ['/sub/', 'text/html; charset=utf-8'],
  ['/?run=1', 'text/html; charset=utf-8'],
  ['/a%20b.css', 'text/css; charset=utf-8'],
  ['/app.js', 'text/javascript; charset=utf-8'],
  ['/app.wasm', 'application/wasm'],
  ['/font.woff2', 'font/woff2'],
  ['/page.md', 'text/markdown; charset=utf-8'],
]) {
  test(`${path} is served as ${type}`, async () => {
    const { status, headers } = await get(path);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], type);
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['access-control-allow-origin'], '*');
  });
}

test('text and programs are sent compressed to whoever can read that', async () => {
  const { headers, body } = await get('/app.js', 'GET', { 'Accept-Encoding': 'gzip, br' });
  assert.equal(headers['content-encoding'], 'br');
  assert.equal(brotliDecompressSync(Buffer.from(body, 'latin1')).toString(), 'app.js');
  assert.equal((await get('/font.woff2', 'GET', { 'Accept-Encoding': 'br' })).headers['content-encoding'], undefined);
  assert.equal((await get('/app.js')).headers['content-encoding'], undefined);
});

for (const [path, status] of [
  ['/nothing.js', 404],
  ['/sub', 404],
  ['/../secret.txt', 404],
  ['/%2e%2e/secret.txt', 404],
  ['/..%2fsecret.txt', 404],
  ['/sub/..%5c..%5csecret.txt', 404],
  ['/link.txt', 404],
  ['/.stamp', 404],
  ['/a%00b', 404],
  ['/%zz', 400],
]) {
  test(`${path} is refused with ${status}`, async () => {
    const answer = await get(path);
    assert.equal(answer.status, status);
    assert.doesNotMatch(answer.body, /secret/);
  });
}

test('nothing can be written', async () => {
  assert.equal((await get('/index.html', 'PUT')).status, 405);
});

test('a taken port is an error', async () => {
  await assert.rejects(serve(join(folder, 'site'), site.port), { code: 'EADDRINUSE' });
});

const POLICY = '<meta content="script-src \'sha256-LOADER\'">';
const LOADER = '\r\nimport init from "./app.js";\n';

test('the hash is that of the text a browser sees', () => {
  const hash = createHash('sha256').update('\nimport init from "./app.js";\n').digest('base64');
  const page = fillIn(`${POLICY}<!-- <script>no</script> --><script type="module">${LOADER}</script><script src="a.js"></script>`);
  assert.ok(page.includes(`'sha256-${hash}'`));
});

for (const [name, page, message] of [
  ['without the token', `<script>${LOADER}</script>`, /found 0/],
  ['with two tokens', `${POLICY}${POLICY}<script>${LOADER}</script>`, /found 2/],
  ['without the loader', `${POLICY}<script src="a.js"></script>`, /found 0/],
  ['with a second inline script', `${POLICY}<script>${LOADER}</script><script>more</script>`, /found 2/],
]) {
  test(`a page ${name} is refused`, () => {
    assert.throws(() => fillIn(page), message);
  });
}

const SHEET = '<link rel="stylesheet" href="static/css/base.css">';

test('the lab gets its style sheets under the names that the build gave them', async () => {
  const page = await fillInLab(`<!-- <script>no</script> -->${SHEET}<script type="module" src="lab_loader.js"></script>`, async (path) => `${path.slice(11, -4)}-1.css`);
  assert.ok(page.includes('href="base-1.css"'));
});

for (const [name, page, message] of [
  ['with an inline script', `${SHEET}<script>more</script>`, /no inline script/],
  ['with a script that has both', `${SHEET}<script src="a.js">more</script>`, /no inline script/],
  ['with an inline style', `${SHEET}<p style="color: red">`, /no inline style/],
  ['without style sheets', '<p>', /names no style sheet/],
]) {
  test(`a lab's page ${name} is refused`, async () => {
    await assert.rejects(fillInLab(page, async (path) => path), message);
  });
}

test('a set-up within a set-up finds the real wasm-bindgen, not the script that Trunk is handed', () => {
  const said = spawnSync('bash', ['-ec', 'source tools/setup.sh; setup_build; setup_build; echo "$WASM_BINDGEN"; wasm-bindgen --version'], {
    encoding: 'utf8',
  });
  assert.equal(said.status, 0, said.stderr);
  const [path, version] = said.stdout.trim().split('\n');
  assert.doesNotMatch(path, /tools\/bin/);
  assert.match(version, /^wasm-bindgen \d/);
});
