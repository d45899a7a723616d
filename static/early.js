// Before the page's own program is there: the worker starts, which `src/app/runner.rs` takes over. Where no worker may start
// nothing is left behind, and the page does the work itself.
try {
  const worker = new Worker('./worker_loader.js');
  const early = { worker, heard: [] };
  worker.onmessage = ({ data }) => early.heard.push(data);
  worker.onerror = () => delete globalThis.streamproofEarly;
  globalThis.streamproofEarly = early;
} catch {
  // A sandboxed frame refuses.
}
