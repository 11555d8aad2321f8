import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonNode, parseJson, type ReadMode } from './json.ts';

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'number':
      return Number(node.text);
    case 'array':
      return node.items.map(plain);
    case 'object':
      return Object.fromEntries(node.members.map(({ key, value }) => [key, plain(value)]));
    default:
      return node.value;
  }
}

function refusal(text: string, mode: ReadMode = 'whole'): string | undefined {
  const result = parseJson(text, mode);
  return result.ok ? undefined : result.error.message;
}

describe('parseJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const result = parseJson(text, 'whole');
        // -0 is written as 0, and __proto__ is an ordinary key.
        expect(result.ok && plain(result.node)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('never throws, and agrees with JSON.parse on what is JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0e-+.1ntrfalsé \n\t') }), (text) => {
        const accepts = (() => {
          try {
            JSON.parse(text);
            return true;
          } catch {
            return false;
          }
        })();
        expect(parseJson(text, 'whole').ok).toBe(accepts);
      }),
      { numRuns: 2000 },
    );
  });

  it('places every value by line and column', () => {
    const result = parseJson('{\n  "a": true,\n\t"b":\n [1, "x"]\n}', 'whole');
    if (!result.ok || result.node.kind !== 'object') throw new Error('not read');
    const [a, b] = result.node.members;
    expect([a?.keyAt, a?.value.at]).toEqual([
      { line: 2, column: 3 },
      { line: 2, column: 8 },
    ]);
    expect([b?.keyAt, b?.value.at]).toEqual([
      { line: 3, column: 2 },
      { line: 4, column: 2 },
    ]);
    const items = b?.value.kind === 'array' ? b.value.items : [];
    expect(items[1]?.at).toEqual({ line: 4, column: 6 });
  });

  it('places errors', () => {
    const result = parseJson('{\n "a": tru\n}', 'whole');
    expect(result).toMatchObject({ ok: false, error: { at: { line: 2, column: 10 } } });
  });

  // What dockerd 26.1.5 (json.Unmarshal) printed for each.
  it.each([
    ['{', 'unexpected end of JSON input'],
    ['{"icc', 'unexpected end of JSON input'],
    ['nul', "invalid character ' ' in literal null (expecting 'l')"],
    ['{"icc":}', "invalid character '}' looking for beginning of value"],
    ['{"icc":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ["{'icc':true}", "invalid character '\\'' looking for beginning of object key string"],
    ['{"icc":true,}', "invalid character '}' looking for beginning of object key string"],
    ['{"icc" true}', "invalid character 't' after object key"],
    ['{"icc":true "x":1}', `invalid character '"' after object key:value pair`],
    ['{"a":[1,]}', "invalid character ']' looking for beginning of value"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{"a":"b\nc"}', "invalid character '\\n' in string literal"],
    ['{"a":"\\q"}', "invalid character 'q' in string escape code"],
    ['{"a":"\\u12G4"}', "invalid character 'G' in \\u hexadecimal character escape"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['{"a":\u0001}', "invalid character '\\x01' looking for beginning of value"],
    ['\uFEFF{}', "invalid character 'ï' looking for beginning of value"],
  ])('refuses %j as Go does', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  // What dockerd 20.10.24 (json.Decoder) printed.
  it.each([
    ['', 'EOF'],
    [' \n', 'EOF'],
    ['{', 'unexpected EOF'],
    ['nul', 'unexpected EOF'],
  ])('refuses %j as a Go decoder does', (text, message) => {
    expect(refusal(text, 'first')).toBe(message);
  });

  it('stops after the first value in mode "first", and says where the rest is', () => {
    expect(parseJson('{}\n x', 'first')).toMatchObject({ ok: true, rest: { line: 2, column: 2 } });
    expect(parseJson('{}\n', 'first')).not.toHaveProperty('rest');
  });

  it('reads four hexadecimal digits of an escape', () => {
    expect(parseJson('"\\u00e9a"', 'whole')).toMatchObject({ node: { value: 'éa' } });
  });

  it('bounds nesting', () => {
    expect(refusal('['.repeat(100_000))).toBe('exceeded max depth');
    expect(refusal(`${'['.repeat(900)}${']'.repeat(900)}`)).toBeUndefined();
  });
});
