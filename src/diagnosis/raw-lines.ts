/**
 * Raw files by lines, each decoded and split once, when first asked for. In: facts. Out: what a patient gives to those who look
 * for evidence.
 */
import { type Facts, text } from '../host/facts.ts';
import type { Patient } from './candidate.ts';
import { type LoggedMessage, loggedMessages } from './log-messages.ts';

export function rawLines(facts: Facts): Pick<Patient, 'line' | 'lines' | 'bytes' | 'files' | 'messages'> {
  const split = new Map<string, readonly string[] | undefined>();
  const lines = (file: string) => {
    if (!split.has(file)) split.set(file, text(facts, file)?.split('\n'));
    return split.get(file);
  };
  let messages: readonly LoggedMessage[] | undefined;
  return {
    line: (file, line) => lines(file)?.[line - 1]?.trim(),
    lines,
    bytes: (file) => facts.files.get(file),
    files: [...facts.files.keys()].sort(),
    messages: () => {
      messages ??= loggedMessages(lines('dockerd.log') ?? []);
      return messages;
    },
  };
}
