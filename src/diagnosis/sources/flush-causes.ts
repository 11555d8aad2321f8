/**
 * Who emptied Docker's tables. In: the patient, and what is planned and gone. Out: the cause with its evidence, where something shows
 * it: firewalld, which empties the tables of iptables when it reloads; `flush ruleset` of nft, which deletes tables, as iptables never
 * does; an engine that overwrote its own rules. Else the event alone is known.
 */

import { bridgeNames } from '../../drift/networks.ts';
import type { RuleAt } from '../../firewall/diff.ts';
import { type NftTable, tableText } from '../../firewall/nft/model.ts';
import { findChain, findTable, type Ruleset, type Table } from '../../firewall/ruleset.ts';
import { firewalldMembers } from '../../host/firewalld.ts';
import type { Namespace } from '../../host/state.ts';
import { isAtLeast } from '../../options/version.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Evidence } from '../finding.ts';
import type { LoggedMessage } from '../log-messages.ts';

/** What of a candidate is said otherwise. */
export type Culprit = Pick<Candidate, 'cause' | 'params' | 'evidence'>;

const unknownCulprit: Culprit = { cause: 'rules-flushed', params: {}, evidence: [] };

/** Of iptables' tables; `flushed`: those that lost most of what is planned for them. */
export function whoFlushed(
  patient: Patient,
  host: Namespace,
  plan: Ruleset,
  flushed: readonly Table[],
): Culprit {
  const gone = plan.tables.filter(({ backend, family, name, chains }) => {
    const held = findTable(host.firewall, { backend, family, table: name });
    return chains.some(({ rules }) => rules.length > 0) && held === undefined;
  });
  // The tables of iptables-legacy are no objects of nftables.
  const deleted = gone.filter(({ backend }) => backend === 'iptables-nft');
  if (flushed.length > 0 && flushed.every((table) => deleted.includes(table)))
    return deletedByNft(
      patient,
      deleted.map(({ family, name }) => `${family === 'ipv4' ? 'ip' : 'ip6'} ${name}`),
    );
  return emptiedByFirewalld(patient, host, flushed) ?? unknownCulprit;
}

/** Of the engine's native tables; undefined where they are there, but empty. */
export function whoDeleted(patient: Patient, host: Namespace, lost: readonly NftTable[]): Culprit {
  const left = new Set((host.nft?.tables ?? []).map(tableText));
  const names = lost.map(tableText);
  return names.some((name) => left.has(name)) ? unknownCulprit : deletedByNft(patient, names);
}

const nftConfiguration = 'nftables.conf';

function deletedByNft(patient: Patient, names: readonly string[]): Culprit {
  const line =
    (patient.lines(nftConfiguration) ?? []).findIndex((text) => /^\s*flush\s+ruleset\b/.test(text)) + 1;
  const written = patient.line(nftConfiguration, line);
  return {
    cause: 'nft-flush-ruleset',
    params: { tables: names.join(', ') },
    evidence: written === undefined ? [] : [{ file: nftConfiguration, line, text: written }],
  };
}

const reloadMessages: ReadonlySet<LoggedMessage['slug']> = new Set([
  'firewalld-reload-failed',
  'firewalld-reloaded',
]);

/** It runs, and it reloaded as the log says, or Docker's chains are gone too, which a mere `iptables -F` leaves. */
function emptiedByFirewalld(
  patient: Patient,
  host: Namespace,
  flushed: readonly Table[],
): Culprit | undefined {
  if (firewalldMembers(host) === undefined) return undefined;
  const reload = patient
    .messages()
    .findLast(({ slug, text }) => reloadMessages.has(slug) || /COMMAND_FAILED.*\bDOCKER/.test(text));
  const chainsGone = flushed.every((table) => {
    const held = findTable(host.firewall, {
      backend: table.backend,
      family: table.family,
      table: table.name,
    });
    const own = table.chains.filter(({ policy }) => policy === undefined);
    return (
      own.length > 0 && own.every(({ name }) => held === undefined || findChain(held, name) === undefined)
    );
  });
  if (reload === undefined && !chainsGone) return undefined;
  const evidence: Evidence[] =
    reload === undefined ? [] : [{ file: 'dockerd.log', line: reload.line, text: reload.text }];
  return { cause: 'firewalld-reload-wiped-rules', params: {}, evidence };
}

/**
 * Rules of some bridges are gone and those of others are whole: 28.0.0 to 28.0.4 overwrite them with iptables-nft (moby issue 49721).
 */
export function overwrittenByEngine(patient: Patient, lost: readonly RuleAt[]): Culprit | undefined {
  const { expected } = patient;
  const engine = expected?.options.engine ?? '';
  const affected =
    expected?.backend === 'iptables-nft' && isAtLeast(engine, '28.0') && !isAtLeast(engine, '28.1');
  const bridges = [...bridgeNames(patient).keys()];
  const hurt = lost.map(({ chain, rule }) =>
    chain.startsWith('DOCKER')
      ? [rule.inInterface, rule.outInterface].find(
          (name) => name !== undefined && bridges.includes(name.value),
        )?.value
      : undefined,
  );
  const some = new Set(hurt).size < bridges.length && !hurt.includes(undefined);
  return affected && some && hurt.length > 0
    ? { cause: 'engine-bug-overwrote-rules', params: { engine }, evidence: [] }
    : undefined;
}
