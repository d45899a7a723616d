// The engine of the SQL lab: SQLite in memory, over the tables of a run. The page loads this file as a module when the lab opens.
//
// It starts this same file as a worker, so that a query without an end can be stopped. Where a frame allows no worker the page
// itself works, and gives a query up after a while. SQLite is fetched with the first query.

const SHOWN = 1000; // rows
const PATIENCE = 5000; // ms, where the page has to wait

const inWorker = typeof WorkerGlobalScope === 'function' && self instanceof WorkerGlobalScope;

let sqlite;
let database;
let deadline = Infinity;

/// Where a frame has no storage, even asking for it throws, and SQLite asks. It needs none.
function withoutStorage() {
  for (const name of ['localStorage', 'sessionStorage']) {
    try {
      void globalThis[name];
    } catch {
      Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
    }
  }
}

async function start() {
  withoutStorage();
  sqlite ??= import('./sqlite/index.mjs').then((module) => module.default({ print() {}, printErr() {} }));
  return sqlite;
}

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

function load(tables) {
  database.exec('BEGIN');
  for (const { name, columns, rows } of tables) {
    database.exec(`CREATE TABLE ${quoted(name)} (${columns.map(quoted).join(', ')})`);
    const insert = database.prepare(`INSERT INTO ${quoted(name)} VALUES (${columns.map(() => '?').join(', ')})`);
    for (const row of rows) insert.bind(row).stepReset();
    insert.finalize();
  }
  database.exec('COMMIT');
}

const text = (value) => (value === null ? null : value instanceof Uint8Array ? `${value.length} bytes` : String(value));

/// Puts the tables in place, if there are new ones, and runs what was written. The first statement with columns is shown.
async function answer({ tables, sql }) {
  try {
    const { oo1, capi } = await start();
    if (tables) {
      database?.close();
      database = new oo1.DB(':memory:');
      if (!inWorker) capi.sqlite3_progress_handler(database, 10_000, () => Number(performance.now() > deadline), 0);
      load(tables);
    }
    deadline = performance.now() + PATIENCE;
    const columnNames = [];
    const rows = [];
    let more = 0;
    const callback = (row) => {
      if (rows.length < SHOWN) rows.push(row.map(text));
      else more += 1;
    };
    database.exec({ sql, columnNames, callback, rowMode: 'array' });
    return { columns: columnNames, rows, more };
  } catch (error) {
    return { error: String(error.message ?? error).replace(/^SQLITE_\w+: sqlite3 result code \d+: /, '') };
  } finally {
    deadline = Infinity;
  }
}

if (inWorker) {
  onmessage = async ({ data }) => postMessage(await answer(data));
  postMessage('ready');
} else {
  let worker;
  let waiting; // whoever waits for an answer of the worker

  // A frame that forbids workers throws, or the worker never says a word.
  const engine = () =>
    (worker ??= new Promise((found) => {
      try {
        const one = new Worker(import.meta.url, { type: 'module' });
        const none = setTimeout(() => found(null), PATIENCE);
        one.onerror = () => found(null);
        one.onmessage = ({ data }) => {
          if (data !== 'ready') return waiting?.(data);
          clearTimeout(none);
          one.onerror = () => waiting?.({ error: 'the engine broke off' });
          found(one);
        };
      } catch {
        found(null);
      }
    }));

  globalThis.streamproofSql = {
    /// Runs `sql`; with `tables`, over these from now on. Resolves to `{ columns, rows, more }` or `{ error }`.
    async ask(sql, tables) {
      const one = await engine();
      if (!one) return answer({ tables, sql });
      return new Promise((told) => {
        waiting = told;
        one.postMessage({ tables, sql });
      });
    },
    /// Stops what runs. The tables are gone with it: the next question has to bring them.
    async stop() {
      (await worker)?.terminate();
      worker = undefined;
      waiting?.({ error: 'stopped' });
    },
  };
  dispatchEvent(new Event('streamproof-sql'));
}
