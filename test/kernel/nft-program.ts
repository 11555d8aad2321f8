/**
 * Puts planned native tables on a kernel as the engine does, damages them, puts back what is missing, and takes all back. In: nothing.
 * Out: what was there after each, as JSON.
 */
import { hostChange } from '../../src/engine/realise.ts';
import { mergeNft } from '../../src/firewall/nft/merge.ts';
import { emptyNftRuleset, type NftRuleset } from '../../src/firewall/nft/model.ts';
import { processKernel } from '../../src/kernel/apply.ts';
import { observeHost } from '../../src/kernel/observe.ts';
import { mustRun } from '../../src/kernel/process.ts';
import { changeOf } from '../../src/kernel/state-change.ts';
import { planOf, severalNetworks } from '../support/plan.ts';

export interface NftReport {
  readonly planned: NftRuleset;
  readonly made: NftRuleset;
  /** Kinds of steps that making it again would take. */
  readonly again: readonly string[];
  readonly damaged: NftRuleset;
  readonly healed: NftRuleset;
  readonly after: NftRuleset;
}

async function observed(): Promise<NftRuleset> {
  return (await observeHost(undefined)).host.nft ?? emptyNftRuleset;
}

const plan = planOf({ ...severalNetworks('29.7.2'), config: '{"firewall-backend":"nftables"}' });
const before = (await observeHost(undefined)).host;
const { undo } = await processKernel.apply(hostChange(plan, before, undefined));
const { host } = await observeHost(undefined);
const again = hostChange(plan, host, undefined).steps.map(({ kind }) => kind);
await mustRun({ argv: ['nft', 'flush chain ip docker-bridges filter-forward-in__docker0'] });
await mustRun({ argv: ['nft', 'delete element ip docker-bridges nat-postrouting-out-jumps { "br-neta" }'] });
await mustRun({ argv: ['nft', 'delete table ip6 docker-bridges'] });
const damaged = await observed();
const restored = mergeNft(damaged, emptyNftRuleset, plan.nft);
const { change } = changeOf(
  [{ namespace: 'host', kind: 'nft', from: damaged, to: restored }],
  () => undefined,
);
await processKernel.apply(change);
const healed = await observed();
await processKernel.apply(undo);
const report: NftReport = {
  planned: plan.nft,
  made: host.nft ?? emptyNftRuleset,
  again,
  damaged,
  healed,
  after: await observed(),
};
process.stdout.write(JSON.stringify(report));
