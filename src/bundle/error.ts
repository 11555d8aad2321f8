/**
 * What goes wrong with bundles and captures, as an error whose message is fit for the user: one line, with what
 * was wrong and where. The command line turns it into an exit code.
 */

export class BundleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BundleError';
  }
}

/** The system refused: the live host or namespace could not be read at all, or the bundle not be written. */
export class CaptureError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CaptureError';
  }
}

/** A name from outside, fit for one line of output: control characters are escaped. */
export function printable(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name);
}
