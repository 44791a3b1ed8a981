// Loaded into each child process before its program: ends the child when its parent is gone.
//
// The channel between them breaks however the parent ends, kill -9 included, so no drive is ever
// left behind. The program is asked first, with the signal it knows, and then made to end.

const CLEAN_STOP_MS = 5_000;

process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), CLEAN_STOP_MS).unref();
});
// Watching the channel must not be what keeps a program alive that has nothing left to do.
process.channel?.unref();

export {};
