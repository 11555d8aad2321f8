/**
 * Failures that are the user's or the system's, not bugs: one clear line on stderr, an exit code, no stack trace.
 */

/** 1 an error finding, or drift; 2 bad usage or input; 3 cannot decide; 4 the system refused. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

export class Failure extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}

/** Bad usage or input: says what was wrong, where (file, line, field) and what to do. */
export function badInput(message: string): Failure {
  return new Failure(2, message);
}

/** The system refused: missing tool, no permission, a kernel error. */
export function systemRefused(message: string): Failure {
  return new Failure(4, message);
}
