/**
 * Two dockerds in one network namespace: each makes docker0, the chain DOCKER and the rules of its containers, and takes away what it does
 * not know. In: a case. Out: a warning.
 */
import { parseJson } from '../../host/json.ts';
import type { Detector } from './case.ts';

const file = 'dockerd.argv';

export const twoEngines: Detector = ({ lines }) => {
  const json = parseJson((lines(file) ?? ['{}']).join('\n'), file).value;
  const others = typeof json === 'object' && json !== null && 'others' in json ? json.others : undefined;
  const argvs = (Array.isArray(others) ? others : []).filter(
    (argv): argv is readonly string[] =>
      Array.isArray(argv) && argv.every((word) => typeof word === 'string'),
  );
  if (argvs.length === 0) return [];
  return [
    {
      cause: 'two-engines',
      severity: 'warning',
      params: { others: argvs.map((argv) => argv.join(' ')).join('; ') },
      hop: 'dockerd',
      evidence: argvs.map((argv) => ({ file, text: argv.join(' ') })),
      decide: 'pgrep -a dockerd',
    },
  ];
};
