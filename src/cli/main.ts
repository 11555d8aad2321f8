/**
 * The program's entry: commands, one file each, loaded only when asked for; failures become one line and an exit code.
 */
import { Command, CommanderError } from 'commander';
import { commands } from './commands.ts';
import { Failure } from './failure.ts';
import { version } from './version.ts';

export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('bridgekeeper')
    .description('Container bridge networking that you can run, read and repair.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) });
  for (const define of commands) program.addCommand(define().copyInheritedSettings(program));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    return report(error);
  }
}

/** What commander says of a wrong command line, as every other failure is said: one line. */
function usageLine(text: string): string {
  return `bridgekeeper: ${text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')} (--help shows the usage)\n`;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Failure) {
    process.stderr.write(`bridgekeeper: ${error.message}\n`);
    return error.exitCode;
  }
  throw error;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that went away (`| head`) is not our failure.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await main(process.argv.slice(2));
