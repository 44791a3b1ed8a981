// Turns profiling on for the child processes that are started from here.

const preload = new URL('./profile-this-process.js', import.meta.url).href;

/** Children that inherit the environment write their profile to `folder` when they end. */
export function profileChildren(folder: string): void {
  process.env['PITON_BENCH_PROFILE_DIR'] = folder;
  process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}`.trim();
}
