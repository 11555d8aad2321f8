/**
 * Evidence: the lines of raw facts that a finding rests on. In: origins, rules, places. Out: file, line and text.
 */
import { formatRule } from '../firewall/args.ts';
import { findTable, type Ruleset } from '../firewall/ruleset.ts';
import type { Origin } from '../net/reason.ts';
import type { SourceRef } from '../net/source.ts';
import type { IptablesHit } from '../packet/trace.ts';
import type { Patient } from './candidate.ts';
import type { Evidence } from './finding.ts';

type Lines = Pick<Patient, 'line'>;

/** Where a setting was written; nothing for defaults. */
export function settingEvidence(origin: Origin, patient: Lines): Evidence[] {
  switch (origin.kind) {
    case 'file':
      return [{ file: origin.path, line: origin.line, text: patient.line(origin.path, origin.line) ?? '' }];
    case 'flag':
      return [{ file: 'dockerd.argv', text: origin.flag }];
    case 'env':
      return [{ file: 'dockerd.argv', text: origin.name }];
    case 'implied':
      return settingEvidence(origin.origin, patient);
    case 'network':
      return [
        { file: 'docker-network-inspect.json', text: `${origin.network}: ${origin.option ?? ''}`.trim() },
      ];
    default:
      return [];
  }
}

/** The line that a fact was read from. */
export function lineEvidence(at: SourceRef | undefined, patient: Lines): Evidence[] {
  if (at === undefined) return [];
  const text = at.line === undefined ? '' : (patient.line(at.file, at.line) ?? '');
  return [{ file: at.file, text, ...(at.line === undefined ? {} : { line: at.line }) }];
}

/** The first line of a raw file that holds all of these words; undefined where none does. */
export function foundLine(
  patient: Pick<Patient, 'lines'>,
  file: string,
  ...words: readonly string[]
): (Evidence & { readonly line: number }) | undefined {
  const lines = patient.lines(file) ?? [];
  const at = lines.findIndex((line) => words.every((word) => line.includes(word)));
  return at < 0 ? undefined : { file, line: at + 1, text: shortened(lines[at] ?? '') };
}

/** A listing without line breaks is one line: evidence is to be read. */
function shortened(line: string): string {
  const text = line.trim();
  return text.length > longestText ? `${text.slice(0, longestText)}...` : text;
}

const longestText = 400;

/** A rule or policy that was hit: its line where it was read from a file, else its text. */
export function ruleEvidence(hit: IptablesHit, ruleset: Ruleset, patient: Lines): Evidence[] {
  const { backend, family, table, chain, rule } = hit;
  const holder = findTable(ruleset, { backend, family, table });
  const at = rule === undefined ? holder?.chains.find((c) => c.name === chain)?.at : rule.at;
  if (at !== undefined && patient.line(at.file, at.line ?? 0) !== undefined) return lineEvidence(at, patient);
  const text = rule === undefined ? `-P ${chain} DROP` : `-A ${chain} ${formatRule(rule)}`;
  return [
    { file: at?.file ?? `${table}/${chain}`, text, ...(at?.line === undefined ? {} : { line: at.line }) },
  ];
}
