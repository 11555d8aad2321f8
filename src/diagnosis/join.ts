/**
 * Joining: changes against the same firewall, or of the same kind at several links, are one repair of one fault. In: the candidates
 * that were chosen. Out: those of one origin as one, that makes all their changes; its repair is all their lines.
 */
import type { Candidate } from './candidate.ts';
import type { Repair } from './finding.ts';

/** What a person would type for a candidate's changes; undefined where only the engine can make them. */
type Commands = (candidate: Candidate) => string | undefined;

/** Candidates in the order in which they were chosen; one that was joined stands where its first part stood. */
export function joinByOrigin(chosen: readonly Candidate[], commands: Commands): readonly Candidate[] {
  const groups = Map.groupBy(chosen, (candidate) => candidate.origin ?? candidate);
  return [...groups.values()].flatMap((group) => {
    // A setting explains the rules that are missing because of it.
    const [first, ...others] = group.toSorted((a, b) => b.because.length - a.because.length);
    return first === undefined ? [] : [others.length === 0 ? first : joined(first, others, commands)];
  });
}

function joined(first: Candidate, others: readonly Candidate[], commands: Commands): Candidate {
  const parts = [first, ...others];
  const also = others.flatMap(({ params }) => (params.rule === first.params.rule ? [] : (params.rule ?? [])));
  const links = unique(parts.flatMap(({ params }) => params.link ?? []));
  return {
    ...first,
    key: parts.map(({ key }) => key).join(' + '),
    params: {
      ...first.params,
      ...(also.length === 0 ? {} : { also: unique(also).join('\n') }),
      ...(links.length === 0 ? {} : { link: links.join(', ') }),
    },
    changes: parts.flatMap(({ changes }) => changes),
    cost: parts.reduce((sum, { cost }) => sum + cost, 0),
    because: unique(parts.flatMap(({ because }) => because)),
    evidence: unique(parts.flatMap(({ evidence }) => evidence)),
    repairs: joinedRepairs(parts, commands),
  };
}

/** Where some part has words of its own (a setting, a program that owns the rules), one repair of all parts, each in its words. */
function joinedRepairs(parts: readonly Candidate[], commands: Commands): readonly Repair[] {
  const own = parts.flatMap(({ repairs }) => repairs.slice(0, 1));
  const leading = own.find(({ kind }) => kind === 'config') ?? own[0];
  if (leading === undefined) return [];
  const lines = parts.flatMap((part) => (part.repairs[0]?.change ?? commands(part) ?? '').split('\n'));
  return [{ ...leading, change: unique(lines).join('\n') }];
}

/** Without what was there before. */
function unique<T>(items: readonly T[]): readonly T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}
