// Events a second of the simulator: native against WebAssembly in this Node, run in turn so that both meet the same machine.
//
//   node tools/throughput.mjs [ORDERS] [ROUNDS]      default: 2000 orders, 7 rounds
//
// Prints the median of the rounds and the ratio. Absolute figures are only worth something beside each other.

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const orders = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 7);
const target = process.env.CARGO_TARGET_DIR ?? 'target';
const wasmTarget = 'wasm32-unknown-unknown';

const sh = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const build = ['build', '--quiet', '--locked', '--release', '--example', 'throughput'];
sh('cargo', ...build);
sh('cargo', ...build, '--target', wasmTarget);
const folder = mkdtempSync(join(tmpdir(), 'throughput-'));
const wasm = join(target, wasmTarget, 'release', 'examples', 'throughput.wasm');
sh('wasm-bindgen', '--target', 'nodejs', '--out-dir', folder, wasm);
const { simulate } = createRequire(import.meta.url)(join(folder, 'throughput.js'));

const native = (keep) => {
  const [events, seconds] = sh(join(target, 'release', 'examples', 'throughput'), String(orders), keep ? 'trace' : 'ledger').split(' ').map(Number);
  return events / seconds;
};
const inNode = (keep) => {
  const start = process.hrtime.bigint();
  const events = simulate(orders, keep);
  return events / (Number(process.hrtime.bigint() - start) / 1e9);
};
const median = (values) => values.toSorted?.((a, b) => a - b)[values.length >> 1] ?? [...values].sort((a, b) => a - b)[values.length >> 1];

console.log(`${orders} orders, ${rounds} rounds, median; thousands of events a second`);
console.log('                     native    wasm   native : wasm');
for (const keep of [true, false]) {
  const rates = { native: [], wasm: [] };
  inNode(keep); // Compiled by the engine's better tier from here on.
  for (let round = 0; round < rounds; round++) {
    rates.native.push(native(keep));
    rates.wasm.push(inNode(keep));
  }
  const [a, b] = [median(rates.native), median(rates.wasm)];
  const k = (rate) => (rate / 1000).toFixed(0).padStart(8);
  console.log(`${keep ? 'trace kept  ' : 'ledger only '}     ${k(a)}${k(b)}   ${(a / b).toFixed(2)}`);
}
