// The piton command as a whole: its verbs, its global options, and how a run ends.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { deleteCommand } from './commands/data/delete.ts';
import { getCommand } from './commands/data/get.ts';
import { incrementCommand } from './commands/data/increment.ts';
import { putCommand } from './commands/data/put.ts';
import { scanCommand } from './commands/data/scan.ts';
import { cancelCommand } from './commands/layout/cancel.ts';
import { drainCommand } from './commands/layout/drain.ts';
import { driveCommand } from './commands/layout/drive.ts';
import { drivesCommand } from './commands/layout/drives.ts';
import { keyspaceCommand } from './commands/layout/keyspace.ts';
import { locateCommand } from './commands/layout/locate.ts';
import { mergeCommand } from './commands/layout/merge.ts';
import { moveCommand } from './commands/layout/move.ts';
import { rangesCommand } from './commands/layout/ranges.ts';
import { rebalanceCommand } from './commands/layout/rebalance.ts';
import { splitCommand } from './commands/layout/split.ts';
import { statusCommand } from './commands/layout/status.ts';
import { loadCommand } from './commands/load/load.ts';
import { upCommand } from './commands/up/up.ts';
import { DEFAULT_META } from './shell/context.ts';
import { Exit } from './shell/exit.ts';
import { describeFailure, failureText } from './shell/failures.ts';
import type { Terminal } from './shell/terminal.ts';

function version(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

const GROUPS: readonly [string, ((terminal: Terminal) => Command)[]][] = [
  ['Data:', [getCommand, putCommand, deleteCommand, incrementCommand, scanCommand, loadCommand]],
  ['Cluster:', [upCommand, statusCommand, drivesCommand, rangesCommand, locateCommand]],
  [
    'Changes:',
    [
      ...[keyspaceCommand, splitCommand, mergeCommand, moveCommand],
      ...[drainCommand, driveCommand, rebalanceCommand, cancelCommand],
    ],
  ],
];

/** Applies to a command and everything below it: errors are thrown, text goes to the terminal. */
function adopt(command: Command, terminal: Terminal, path: string = command.name()): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'piton: ')),
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
    })
    .showHelpAfterError(`  See: ${path} --help`);
  for (const child of command.commands) adopt(child, terminal, `${path} ${child.name()}`);
}

function buildProgram(terminal: Terminal): Command {
  const program = new Command('piton')
    .description('Piton: a key-value store over many small machines.')
    .version(version())
    .option('--meta <HOST:PORT[,...]>', `metadata server (default: ${DEFAULT_META}, or PITON_META)`)
    .option('--keyspace <NAME>', 'keyspace (default: "default", or PITON_KEYSPACE)')
    .option('--timeout <TIME>', 'longest time for one operation (default: 10s)')
    .option('--json', 'results as JSON, lists as one JSON object on each line')
    .addHelpText(
      'after',
      '\nFirst steps:\n' +
        '  piton up                       a whole cluster on this machine\n' +
        '  piton put greeting "hello"     in another terminal\n' +
        '  piton get greeting\n' +
        '\nExit codes: 0 fine, 1 failed (also: no such key), 2 wrong usage.',
    );
  for (const [title, makers] of GROUPS) {
    program.commandsGroup(title);
    for (const make of makers) program.addCommand(make(terminal));
  }
  adopt(program, terminal);
  return program;
}

function exitAfter(error: unknown, terminal: Terminal, isJson: boolean): Exit {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.fine : Exit.usage;
  const failure = describeFailure(error);
  if (failure === undefined) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.err.write(`piton: unexpected: ${text}\n`);
    return Exit.failed;
  }
  const { exit, code, message, help, outcome } = failure;
  if (isJson) {
    terminal.err.write(`${JSON.stringify({ error: { code, message, help, outcome } })}\n`);
  } else terminal.err.write(failureText(failure));
  return exit;
}

/** Runs one command line (without `node` and the script). Never throws: answers the exit code. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<Exit> {
  const program = buildProgram(terminal);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return Exit.fine;
  } catch (error) {
    return exitAfter(error, terminal, argv.includes('--json'));
  }
}
