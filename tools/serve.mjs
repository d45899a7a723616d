// A static file server for the built page: `node tools/serve.mjs dist 8080`.
//
// It listens on this computer only. It exists because a page with WebAssembly and a worker cannot be
// opened from a file:// address, and so that ./run and the browser tests serve it the same way.

import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream';
import { constants, createBrotliCompress } from 'node:zlib';
import { extname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

const HOST = '127.0.0.1';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.toml': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.woff2': 'font/woff2',
};

/// The file a request path stands for, or nothing. Links may not lead out of the folder, and names
/// that start with a dot are not part of the site.
async function find(root, pathname) {
  if (pathname.includes('\0') || pathname.split(/[/\\]/).some((part) => part.startsWith('.'))) return;
  try {
    const file = await realpath(join(root, pathname, pathname.endsWith('/') ? 'index.html' : ''));
    const info = await stat(file);
    return file.startsWith(root + sep) && info.isFile() ? { file, size: info.size } : undefined;
  } catch {
    return undefined;
  }
}

async function answer(root, request, response) {
  const refuse = (status, text) => {
    response.writeHead(status, { 'Content-Type': TYPES['.txt'] });
    response.end(`${text}\n`);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Only GET and HEAD.');

  let pathname;
  try {
    pathname = decodeURIComponent(request.url.split(/[?#]/, 1)[0]);
  } catch {
    return refuse(400, 'The address is not valid.');
  }
  const found = await find(root, pathname);
  if (!found) return refuse(404, 'Not found.');

  const type = TYPES[extname(found.file).toLowerCase()] ?? 'application/octet-stream';
  // As static hosts do, so that what is measured here is what learners wait for. Fonts are compressed already.
  const packed = !type.startsWith('font/') && /\bbr\b/.test(request.headers['accept-encoding'] ?? '');
  response.writeHead(200, {
    'Content-Type': type,
    ...(packed ? { 'Content-Encoding': 'br' } : { 'Content-Length': found.size }),
    Vary: 'Accept-Encoding',
    // A file name without a hash (the worker, the lessons) must not outlive the next build.
    'Cache-Control': 'no-cache',
    // In a frame with sandbox="allow-scripts" alone the page's origin is null, and loading its own
    // module is then a cross-origin request.
    'Access-Control-Allow-Origin': '*',
    'X-Content-Type-Options': 'nosniff',
  });
  if (request.method === 'HEAD') return response.end();
  const steps = [createReadStream(found.file)];
  if (packed) steps.push(createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
  // A connection that breaks, or a file that goes away, ends this answer and nothing else.
  pipeline(...steps, response, () => response.destroy());
}

/// Serves `dir`; port 0 takes any free one. Gives the port, the address, and `close()`.
export async function serve(dir, port = 0) {
  const root = await realpath(resolve(dir));
  const server = createServer((request, response) => answer(root, request, response));
  await new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(port, HOST, listening);
  });
  const actual = server.address().port;
  return {
    port: actual,
    url: `http://${HOST}:${actual}/`,
    close: () =>
      new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(await realpath(process.argv[1])).href) {
  const [dir = 'dist', port = '8080'] = process.argv.slice(2);
  try {
    const { url } = await serve(dir, Number(port));
    console.log(`Streamproof is at ${url}  (Ctrl+C stops it)`);
  } catch (error) {
    const reasons = {
      EADDRINUSE: `port ${port} is taken by another program; try PORT=${Number(port) + 1} ./run`,
      EACCES: `port ${port} is reserved by the system; try PORT=8080 ./run`,
      ENOENT: `there is no folder ${dir}; build it with ./run --build-only`,
    };
    console.error(`error: ${reasons[error.code] ?? error.message}`);
    process.exit(1);
  }
}
