/**
 * JSON with the place of every value, read as Go's encoding/json reads it, and refused in its words.
 * In: decoded text. Out: a tree whose nodes know line and column (1-based, columns in UTF-16 units), or one error.
 * It knows nothing of options. Nesting is bounded, since the text may come from a stranger's bundle.
 */

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface JsonMember {
  readonly key: string;
  readonly keyAt: Place;
  readonly value: JsonNode;
}

export type JsonNode = { readonly at: Place } & (
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  /** As written: what it means depends on the type that is wanted. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  /** Repeated keys are kept, in their order. */
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
);

export interface JsonError {
  /** In the words of Go's encoding/json. */
  readonly message: string;
  readonly at: Place;
}

/**
 * `whole`: json.Unmarshal, the text is one value. `first`: json.Decoder, reading stops after the first value
 * and the rest is not looked at.
 */
export type ReadMode = 'whole' | 'first';

export type JsonResult =
  | { readonly ok: true; readonly node: JsonNode; readonly rest?: Place }
  | { readonly ok: false; readonly error: JsonError };

/** Go refuses deeper values than 10000; ours is lower because each level costs stack. No daemon.json has ten. */
const maxDepth = 1000;

class Refused extends Error {
  readonly error: JsonError;
  constructor(error: JsonError) {
    super(error.message);
    this.error = error;
  }
}

/** Reads one JSON value. `rest` is the place of text after it (mode `first` only). */
export function parseJson(text: string, mode: ReadMode): JsonResult {
  const reader = new Reader(text, mode);
  try {
    return { ok: true, ...reader.document() };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, error: error.error };
    throw error;
  }
}

class Reader {
  readonly #text: string;
  readonly #mode: ReadMode;
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  #depth = 0;

  constructor(text: string, mode: ReadMode) {
    this.#text = text;
    this.#mode = mode;
  }

  document(): { node: JsonNode; rest?: Place } {
    this.#skipSpace();
    if (this.#peek() === undefined)
      this.#fail(this.#mode === 'first' ? 'EOF' : 'unexpected end of JSON input');
    const node = this.#value();
    this.#skipSpace();
    if (this.#peek() === undefined) return { node };
    if (this.#mode === 'whole') this.#unexpected('after top-level value');
    return { node, rest: this.#place() };
  }

  #value(): JsonNode {
    const at = this.#place();
    const char = this.#peek();
    if (char === '{') return this.#object(at);
    if (char === '[') return this.#array(at);
    if (char === '"') return { at, kind: 'string', value: this.#string() };
    if (char === 't') return this.#literal('true', { at, kind: 'bool', value: true });
    if (char === 'f') return this.#literal('false', { at, kind: 'bool', value: false });
    if (char === 'n') return this.#literal('null', { at, kind: 'null' });
    if (char !== undefined && /[-0-9]/.test(char)) return { at, kind: 'number', text: this.#number() };
    return this.#unexpected('looking for beginning of value');
  }

  #object(at: Place): JsonNode {
    const members: JsonMember[] = [];
    this.#enter();
    this.#skipSpace();
    if (this.#peek() !== '}') {
      for (;;) {
        this.#skipSpace();
        if (this.#peek() !== '"') this.#unexpected('looking for beginning of object key string');
        const keyAt = this.#place();
        const key = this.#string();
        this.#skipSpace();
        if (this.#peek() !== ':') this.#unexpected('after object key');
        this.#offset++;
        this.#skipSpace();
        members.push({ key, keyAt, value: this.#value() });
        this.#skipSpace();
        if (this.#peek() !== ',') break;
        this.#offset++;
      }
      if (this.#peek() !== '}') this.#unexpected('after object key:value pair');
    }
    this.#leave();
    return { at, kind: 'object', members };
  }

  #array(at: Place): JsonNode {
    const items: JsonNode[] = [];
    this.#enter();
    this.#skipSpace();
    if (this.#peek() !== ']') {
      for (;;) {
        this.#skipSpace();
        items.push(this.#value());
        this.#skipSpace();
        if (this.#peek() !== ',') break;
        this.#offset++;
      }
      if (this.#peek() !== ']') this.#unexpected('after array element');
    }
    this.#leave();
    return { at, kind: 'array', items };
  }

  #enter(): void {
    this.#offset++;
    if (++this.#depth > maxDepth) this.#fail('exceeded max depth');
  }

  #leave(): void {
    this.#offset++;
    this.#depth--;
  }

  #literal(word: string, node: JsonNode): JsonNode {
    for (const want of word) {
      if (this.#peek() !== want) this.#unexpectedInToken(`in literal ${word} (expecting ${quoteChar(want)})`);
      this.#offset++;
    }
    return node;
  }

  #number(): string {
    const start = this.#offset;
    if (this.#peek() === '-') {
      this.#offset++;
      if (!this.#isDigit()) this.#unexpectedInToken('in numeric literal');
    }
    if (this.#peek() === '0') this.#offset++;
    else this.#digits();
    if (this.#peek() === '.') {
      this.#offset++;
      if (!this.#isDigit()) this.#unexpectedInToken('after decimal point in numeric literal');
      this.#digits();
    }
    if (this.#peek() === 'e' || this.#peek() === 'E') {
      this.#offset++;
      if (this.#peek() === '+' || this.#peek() === '-') this.#offset++;
      if (!this.#isDigit()) this.#unexpectedInToken('in exponent of numeric literal');
      this.#digits();
    }
    return this.#text.slice(start, this.#offset);
  }

  #digits(): void {
    while (this.#isDigit()) this.#offset++;
  }

  #isDigit(): boolean {
    const char = this.#peek();
    return char !== undefined && char >= '0' && char <= '9';
  }

  #string(): string {
    let value = '';
    this.#offset++;
    for (;;) {
      const char = this.#peek();
      if (char === undefined) this.#atEnd();
      if (char < ' ') this.#unexpected('in string literal');
      this.#offset++;
      if (char === '"') return value;
      value += char === '\\' ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#peek();
    const simple = char === undefined ? undefined : escapes.get(char);
    if (simple !== undefined) {
      this.#offset++;
      return simple;
    }
    if (char !== 'u') this.#unexpectedInToken('in string escape code');
    this.#offset++;
    const start = this.#offset;
    while (this.#offset < start + 4) {
      if (!/^[0-9a-fA-F]$/.test(this.#peek() ?? '')) {
        this.#unexpectedInToken('in \\u hexadecimal character escape');
      }
      this.#offset++;
    }
    return String.fromCharCode(Number.parseInt(this.#text.slice(start, this.#offset), 16));
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.#peek();
      if (char === '\n') {
        this.#line++;
        this.#lineStart = this.#offset + 1;
      } else if (char !== ' ' && char !== '\t' && char !== '\r') return;
      this.#offset++;
    }
  }

  #peek(): string | undefined {
    return this.#text[this.#offset];
  }

  #place(): Place {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  /** Refuses the next character, or the end of the text. */
  #unexpected(where: string): never {
    const code = this.#text.codePointAt(this.#offset);
    if (code === undefined) this.#atEnd();
    this.#fail(`invalid character ${quoteChar(String.fromCodePoint(code))} ${where}`);
  }

  /**
   * Inside a literal, a number or an escape json.Unmarshal feeds its scanner one space at the end of the text,
   * so that the error names a space.
   */
  #unexpectedInToken(where: string): never {
    if (this.#peek() === undefined && this.#mode === 'whole') this.#fail(`invalid character ' ' ${where}`);
    this.#unexpected(where);
  }

  #atEnd(): never {
    this.#fail(this.#mode === 'first' ? 'unexpected EOF' : 'unexpected end of JSON input');
  }

  #fail(message: string): never {
    throw new Refused({ message, at: this.#place() });
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** Go's scanner works on bytes: of a longer character it names the first byte, as a Latin-1 character. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  const byte = new TextEncoder().encode(char)[0] ?? 0;
  const named = namedCharacters.get(byte);
  if (named !== undefined) return `'${named}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`;
  return `'${String.fromCharCode(byte)}'`;
}

const namedCharacters: ReadonlyMap<number, string> = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x5c, '\\\\'],
]);
