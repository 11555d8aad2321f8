/**
 * The sets of a namespace, from `ipset save`. In: the text. Out: sets with their elements in the order listed, and a problem for each
 * line that is neither. What a set holds is not said here.
 */
import type { IpSet, IpSetElement } from '../firewall/ipset.ts';
import { splitWords } from '../firewall/words.ts';
import { type FactProblem, numberedLines, type Parsed } from './facts.ts';

/** Options of `create` and `add` that stand without a value. */
const flags: ReadonlySet<string> = new Set([
  'counters',
  'comment',
  'skbinfo',
  'forceadd',
  'nomatch',
  'wildcard',
]);

export function parseIpSets(content: string, file: string): Parsed<readonly IpSet[]> {
  const problems: FactProblem[] = [];
  const sets = new Map<string, IpSet & { readonly elements: IpSetElement[] }>();
  for (const { line, text } of numberedLines(content)) {
    const words = splitWords(text);
    const [command, name = '', entry = '', ...rest] = words ?? [];
    if (command === 'create' && entry !== '')
      sets.set(name, { name, type: entry, options: optionsOf(rest), elements: [] });
    else if (command === 'add' && sets.has(name) && entry !== '') {
      const options = optionsOf(rest, true);
      sets.get(name)?.elements.push({
        entry,
        except: options.has('nomatch'),
        wildcard: options.has('wildcard'),
      });
    } else
      problems.push({ file, line, message: 'neither a set nor an element of one that was created before' });
  }
  return { value: [...sets.values()], problems };
}

/** Of an element `comment` has a value, of a set it has none. */
function optionsOf(words: readonly string[], ofElement = false): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const name = words[i] ?? '';
    const plain = flags.has(name) && !(ofElement && name === 'comment');
    options.set(name, plain ? '' : (words[++i] ?? ''));
  }
  return options;
}
