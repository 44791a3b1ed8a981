// The piton command for programs that run it inside themselves.
export { run } from './program.ts';
export type { Terminal } from './shell/terminal.ts';
