/**
 * Source text taken apart without a compiler: what a module imports, and its code without comments, strings and
 * regular expressions. In: TypeScript text. Out: plain values. It knows just enough of the grammar for that.
 */

export interface Import {
  /** As written: `./addr.ts`, `node:fs`, `zod`. */
  readonly from: string;
  /** 1-based. */
  readonly line: number;
}

export interface Source {
  readonly imports: readonly Import[];
  /** The code, line by line; a string is `""`, a regular expression `/ /`, a comment nothing. */
  readonly code: string;
}

/** A string in the code is replaced by a mark that carries its number, so that an import can be told from other strings. */
const mark = /\uE000(\d+)\uE001/g;
const importOf =
  /(?:\b(?:import|export)\s[\w\s{},*$]*?\bfrom\s*|\bimport\s*\(\s*|(?:^|[;\n])\s*import\s*)\uE000(\d+)\uE001/g;

export function readSource(text: string): Source {
  const { code, strings } = strip(text);
  const imports = [...code.matchAll(importOf)].map((found): Import => {
    const before = code.slice(0, (found.index ?? 0) + found[0].length);
    return { from: strings[Number(found[1])] ?? '', line: before.split('\n').length };
  });
  return { imports, code: code.replace(mark, '""') };
}

/** After these a slash begins a regular expression, not a division. */
const beforeRegExp = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|new|delete|void))\s*$/;

function strip(text: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  let code = '';
  let at = 0;
  const keep = (content: string): void => {
    code += `\uE000${strings.push(content) - 1}\uE001`;
  };
  /** Depth of braces within each `${` that is open. */
  const holes: number[] = [];
  const template = (): void => {
    let content = '';
    for (; at < text.length; at++) {
      if (text[at] === '\\') at++;
      else if (text[at] === '`' || text.startsWith('${', at)) break;
      else content += text[at];
    }
    keep(content);
    if (text[at] === '`') at++;
    else {
      at += 2;
      code += ' ';
      holes.push(0);
    }
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (text.startsWith('//', at)) {
      while (at < text.length && text[at] !== '\n') at++;
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      const comment = text.slice(at, end < 0 ? text.length : end + 2);
      code += comment.replace(/[^\n]/g, '');
      at += comment.length;
    } else if (char === "'" || char === '"') {
      const end = closing(text, at + 1, char);
      keep(text.slice(at + 1, end));
      at = end + 1;
    } else if (char === '`') {
      at++;
      template();
    } else if (char === '/' && beforeRegExp.test(code.slice(-20))) {
      at = closing(text, at + 1, '/') + 1;
      code += '/ /';
    } else if (char === '}' && holes.at(-1) === 0) {
      holes.pop();
      code += ' ';
      at++;
      template();
    } else {
      const open = holes.length - 1;
      if (open >= 0 && char === '{') holes[open] = (holes[open] ?? 0) + 1;
      if (open >= 0 && char === '}') holes[open] = (holes[open] ?? 0) - 1;
      code += char;
      at++;
    }
  }
  return { code, strings };
}

/** Index of the delimiter that ends a string or regular expression; of a regular expression, not one in brackets. */
function closing(text: string, from: number, delimiter: string): number {
  let inBrackets = false;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (delimiter === '/' && char === '[') inBrackets = true;
    else if (delimiter === '/' && char === ']') inBrackets = false;
    else if (char === '\n' || (char === delimiter && !inBrackets)) return at;
  }
  return text.length;
}
