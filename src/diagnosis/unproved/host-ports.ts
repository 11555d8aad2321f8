/**
 * Rules of DOCKER-USER that are to close a published port and never meet its traffic: nothing fails, and the port is open.
 * In: a case. Out: a warning for each.
 */
import { commandRepair } from '../commands.ts';
import { hostPortRules, portAsAsked } from '../sources/user-chain.ts';
import type { Detector } from './case.ts';

const closing = new Set(['DROP', 'REJECT']);

export const uselessPortRules: Detector = (patient) => {
  const { host, proved, state } = patient;
  if (host === undefined) return [];
  return hostPortRules(patient, host).flatMap((found) => {
    const { cause, params, evidence, changes } = portAsAsked(patient, host, found);
    const told = proved.some((f) => f.cause === cause && f.params.rule === params.rule);
    // Where another container has a port of that number, the rule may be meant for it.
    if (!closing.has(found.hit.rule.target?.name ?? '') || found.serves !== undefined || told) return [];
    const repair = commandRepair(state, changes);
    return [
      {
        cause,
        severity: 'warning',
        params,
        hop: `${found.hit.table}/${found.hit.chain}`,
        evidence,
        repairs: repair === undefined ? [] : [repair],
      },
    ];
  });
};
