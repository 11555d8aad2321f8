/**
 * The bytes of daemon.json as text, as dockerd decodes them. In: bytes, or text that was decoded already, and the
 * engine version. Out: the text that its JSON reader sees, or the reason why there is none.
 */
import { isAtLeast } from './version.ts';

export type DecodeResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/**
 * Since 23.0 a byte order mark chooses UTF-8, UTF-16LE or UTF-16BE and is dropped, and other bytes must be UTF-8.
 * Before, the bytes went to the JSON reader as they are: a mark is an unexpected character, and bytes that are
 * not UTF-8 become U+FFFD inside strings.
 */
export function decodeConfig(source: string | Uint8Array, engine: string): DecodeResult {
  const marks = isAtLeast(engine, '23.0');
  if (typeof source === 'string') {
    return { ok: true, text: marks && source.startsWith('\uFEFF') ? source.slice(1) : source };
  }
  if (!marks) return { ok: true, text: decode('utf-8', source) };
  if (source[0] === 0xff && source[1] === 0xfe)
    return { ok: true, text: decode('utf-16le', source.subarray(2)) };
  if (source[0] === 0xfe && source[1] === 0xff)
    return { ok: true, text: decode('utf-16be', source.subarray(2)) };
  const body = source[0] === 0xef && source[1] === 0xbb && source[2] === 0xbf ? source.subarray(3) : source;
  // dockerd also says an offset, of its own counting.
  return isUtf8(body)
    ? { ok: true, text: decode('utf-8', body) }
    : { ok: false, message: 'failed to decode configuration JSON: encoding: invalid UTF-8' };
}

function decode(encoding: 'utf-8' | 'utf-16le' | 'utf-16be', bytes: Uint8Array): string {
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
