// Starts the worker while the page's own program is still on its way; `src/app/runner.rs` takes it over. Where no worker
// may start nothing is left behind, and the page does the work itself.
try {
  const worker = new Worker('./worker_loader.js');
  const early = { worker, heard: [] };
  worker.onmessage = ({ data }) => early.heard.push(data);
  worker.onerror = () => delete globalThis.streamproofEarly;
  globalThis.streamproofEarly = early;
} catch {
  // A sandboxed frame refuses.
}
