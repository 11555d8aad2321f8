/**
 * One entry of a log: time, level, message and fields. In: one line, however it was kept: logrus text or JSON, with the journal's
 * prefix or without, wrapped by `docker logs` or `journalctl -o json`, or with a typesetter's quotes and dashes. Out: an Entry.
 * What messages mean is events.ts's subject.
 */

export interface Entry {
  /** RFC 3339, as the daemon wrote it. */
  readonly time?: string;
  /** Absent on lines that no logger wrote: the daemon's last words, or somebody else's. */
  readonly level?: string;
  readonly message: string;
  /** The text behind the message: `error="..." container=...`; read with `fieldOf`. */
  readonly fields: string;
}

/** Time and level may have been cut off. */
const quoted = /^(?:time="([^"]{1,40})"\s+)?(?:level=([a-z]{1,10})\s+)?msg=(?:"((?:[^"\\]|\\.)*)"|(\S*))/;
const beginnings = ['time="', 'level=', 'msg='] as const;

/** What systemd's journal and syslog put before a line, with the daemon's name: `Nov 18 10:36:25 host dockerd[123]: `. */
const journalPrefix = /^.{0,80}?\bdockerd(?:\[\d{1,10}\])?: /;

/** Reads one entry; undefined for lines that are none of dockerd's. */
export function readEntry(line: string): Entry | undefined {
  if (line.startsWith('{')) return jsonEntry(line);
  for (const beginning of beginnings) {
    const start = line.indexOf(beginning);
    const found = start < 0 ? null : quoted.exec(start === 0 ? line : line.slice(start));
    if (found === null) continue;
    const [all, time, level = '', text, word = ''] = found;
    const message = text === undefined ? word : unquote(text);
    const fields = line.slice(start + all.length);
    return time === undefined ? { level, message, fields } : { time, level, message, fields };
  }
  const message = line.replace(journalPrefix, '').trim();
  return message === '' ? undefined : { message, fields: '' };
}

/** The value of a field (`error`, `version`), unquoted. */
export function fieldOf({ fields }: Entry, name: string): string | undefined {
  const found = new RegExp(` ${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|(\\S*))`).exec(fields);
  if (found === null) return undefined;
  return found[1] === undefined ? found[2] : unquote(found[1]);
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquote(text: string): string {
  return text.includes('\\') ? text.replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char) : text;
}

/** Logrus' JSON, or the same inside of what a container runtime (`log`) or the journal (`MESSAGE`) wraps around a line. */
function jsonEntry(line: string): Entry | undefined {
  const values = parseObject(line);
  if (values === undefined) return undefined;
  const inner = values.log ?? values.MESSAGE;
  if (typeof inner === 'string') return readEntry(inner.trimEnd());
  const { time, level, msg, ...others } = values;
  if (typeof msg !== 'string') return undefined;
  const fields = Object.entries(others).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return ` ${name}=${JSON.stringify(text)}`;
  });
  return {
    ...(typeof time === 'string' ? { time } : {}),
    ...(typeof level === 'string' ? { level } : {}),
    message: msg,
    fields: fields.join(''),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
