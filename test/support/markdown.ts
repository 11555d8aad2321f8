/**
 * The parts of our Markdown files that tests look at. In: a file's text. Out: links, headings, code and console blocks with their
 * places. It knows only the Markdown that these files use.
 */

export interface Fence {
  /** First word behind the opening fence: `console`, `sh`, `text`, `json`. */
  readonly language: string;
  readonly lines: readonly string[];
  /** 1-based line of the opening fence. */
  readonly line: number;
}

/** A command of a console block, and what the document says that it prints. */
export interface Example {
  readonly command: string;
  readonly output: readonly string[];
  /** 1-based line of the command. */
  readonly line: number;
}

/** A line of a console block that stands for any number of lines of output. */
export const elision = '...';

export function fences(text: string): readonly Fence[] {
  const found: Fence[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\S*)/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { language: fence[1] ?? '', lines: [], line: index + 1 };
    else {
      found.push(open);
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`the fence of line ${open.line} is not closed`);
  return found;
}

/** Commands begin with `$ `; what follows, up to the next one, is their output. */
export function examples(text: string): readonly Example[] {
  return fences(text)
    .filter(({ language }) => language === 'console')
    .flatMap(({ lines, line }) => {
      const found: { command: string; output: string[]; line: number }[] = [];
      for (const [index, content] of lines.entries()) {
        if (content.startsWith('$ '))
          found.push({ command: content.slice(2), output: [], line: line + index + 1 });
        else found.at(-1)?.output.push(content);
      }
      return found;
    });
}

/** The text without its code blocks, so that `#` and `[]` in code are no headings and links. */
function prose(text: string): string {
  let inside = false;
  return text
    .split('\n')
    .filter((line) => {
      const isFence = line.startsWith('```');
      if (isFence) inside = !inside;
      return !inside && !isFence;
    })
    .join('\n');
}

/** Depth of each heading, in order. */
export function headings(text: string): readonly number[] {
  return [...prose(text).matchAll(/^(#+) /gm)].map(([, marks = '']) => marks.length);
}

/** Targets of links within the repository, without anchors. */
export function relativeLinks(text: string): readonly string[] {
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

/** Inline code and the lines of code blocks: where commands are named. */
export function code(text: string): readonly string[] {
  const inline = [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, content = '']) => content);
  return [...inline, ...fences(text).flatMap(({ lines }) => lines)];
}

/** Whether an output is what an example says, elisions taken for any lines. */
export function outputMatches(actual: readonly string[], expected: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first !== elision) return actual[0] === first && outputMatches(actual.slice(1), rest);
  return Array.from({ length: actual.length + 1 }, (_, skip) => skip).some((skip) =>
    outputMatches(actual.slice(skip), rest),
  );
}
