/**
 * Candidates for what the facts do not decide: base chains of nftables that are not evaluated, and rules whose match
 * depends on what happened before. In: walks that ended unknown. Out: candidates that take the unknown thing away; a
 * finding from them is a suspicion, and says what would decide.
 */
import type { Trace } from '../../packet/trace.ts';
import type { Candidate, Patient } from '../candidate.ts';

export function undecidedCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  if (!traces.some((t) => t.outcome === 'unknown')) return [];
  return patient.state.namespaces.flatMap((ns) => {
    // What the engine itself keeps in nftables is not foreign.
    const foreign = ns.unmodelledHooks.filter((c) => c.lacking === undefined && !/\bdocker-/.test(c.name));
    // Without iptables-save nobody can tell which of the listed tables are iptables' own.
    const blind = ns.missing?.some((m) => m.part === 'firewall') === true;
    if (foreign.length === 0 || blind) return [];
    const tables = [...new Set(foreign.map((c) => c.name.split(' ').slice(0, 2).join(' ')))];
    return tables.map((table): Candidate => {
      const chains = foreign.filter((c) => c.name.startsWith(`${table} `));
      return {
        key: `nftables ${ns.name} ${table}`,
        cause: 'extra-base-chain-drops',
        restriction: false,
        params: { table, chain: chains.map((c) => c.name).join(', '), namespace: ns.name },
        changes: chains.map((chain) => ({ namespace: ns.name, kind: 'delete-nft-chain', chain })),
        cost: 2,
        because: [],
        evidence: chains.map((c) => ({
          file: c.at?.file ?? 'nft-ruleset.json',
          text: `chain ${c.name} hook ${c.hook}`,
        })),
        repairs: [],
      };
    });
  });
}
