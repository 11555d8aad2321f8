/**
 * What dockerd's log says about networks, by the meaning of its messages. In: the lines of dockerd.log. Out: those that are known,
 * with their place. Which words mean what is replay's subject, and so are the commands, of which a debug log is full.
 */
import { readEntry } from '../replay/entry.ts';
import { messageText } from '../replay/events.ts';
import { knownMessage, type MessageSlug } from '../replay/messages.ts';

export interface LoggedMessage {
  readonly slug: MessageSlug;
  /** 1-based. */
  readonly line: number;
  /** The message with its error. */
  readonly text: string;
}

export function loggedMessages(lines: readonly string[]): readonly LoggedMessage[] {
  return lines.flatMap((line, i) => {
    // Most lines are of level debug: not to read them is quicker.
    if (line.includes(' level=debug ') && !line.includes('firewall')) return [];
    const entry = readEntry(line.trimEnd());
    const text = entry === undefined ? undefined : messageText(entry);
    const known = text === undefined ? undefined : knownMessage(text);
    return text === undefined || known === undefined ? [] : [{ slug: known.slug, line: i + 1, text }];
  });
}
