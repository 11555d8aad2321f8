/**
 * Applies changes that fail half-way and changes that are large, and looks at what is there afterwards. In: nothing. Out: JSON.
 */
import { parseRuleArgs } from '../../src/firewall/args.ts';
import type { Rule, Ruleset, TableName } from '../../src/firewall/ruleset.ts';
import { inUserNamespace, processKernel } from '../../src/kernel/apply.ts';
import { type Change, firewallSteps } from '../../src/kernel/change.ts';
import { run } from '../../src/kernel/process.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';

export interface ApplyReport {
  readonly userNamespace: boolean;
  readonly linkFailure: { readonly message: string; readonly links: readonly string[] };
  readonly existing: { readonly message: string; readonly links: readonly string[] };
  readonly sysctlFailure: { readonly message: string; readonly forwarding: string };
  readonly firewallFailure: { readonly message: string; readonly rules: readonly string[] };
  readonly large: { readonly atomic: boolean; readonly rules: number; readonly afterUndo: number };
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function ruleset(tables: Readonly<Partial<Record<TableName, readonly string[]>>>): Ruleset {
  const rule = (text: string): Rule => {
    const parsed = parseRuleArgs(text.split(' '), 'ipv4');
    if ('error' in parsed) throw new Error(parsed.error);
    return parsed;
  };
  return {
    tables: (['nat', 'filter'] as const).flatMap((name) => {
      const rules = tables[name];
      if (rules === undefined) return [];
      const chain = { name: 'OUTPUT', policy: 'ACCEPT', rules: rules.map(rule) } as const;
      return [{ backend: 'iptables-nft', family: 'ipv4', name, chains: [chain] } as const];
    }),
  };
}

async function failing(change: Change): Promise<string> {
  try {
    await processKernel.apply(change);
    return 'applied';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function links(): Promise<readonly string[]> {
  const { stdout } = await run({ argv: ['ip', '-j', 'link'] });
  return (JSON.parse(stdout) as { readonly ifname: string }[]).map(({ ifname }) => ifname);
}

async function rules(): Promise<readonly string[]> {
  const { stdout } = await run({ argv: ['iptables-nft-save'] });
  return stdout.split('\n').filter((line) => line.startsWith('-A'));
}

const bridge = { kind: 'add-link', name: 'br0', link: { type: 'bridge' } } as const;
const forward = { kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1', before: '0' } as const;

const linkMessage = await failing({
  steps: [bridge, forward, { kind: 'add-address', dev: 'nowhere', prefix: prefix('10.0.0.1/24') }],
});
const linkFailure = { message: linkMessage, links: await links() };

await processKernel.apply({ steps: [bridge] });
const existing = { message: await failing({ steps: [bridge] }), links: await links() };

const sysctlMessage = await failing({
  steps: [forward, { kind: 'sysctl', name: 'net.ipv4.no_such_thing', value: '1' }],
});
const { stdout: forwarding } = await run({ argv: ['cat', '/proc/sys/net/ipv4/ip_forward'] });

const wanted = ruleset({ nat: ['-d 10.0.0.1/32 -j ACCEPT'], filter: ['-j NO-SUCH-CHAIN'] });
const firewallMessage = await failing({ steps: firewallSteps({ tables: [] }, wanted) });
const firewallFailure = { message: firewallMessage, rules: await rules() };

const many = Array.from({ length: 1200 }, (_, i) => `-d 10.1.${i >> 8}.${i & 255}/32 -j ACCEPT`);
const applied = await processKernel.apply({
  steps: firewallSteps({ tables: [] }, ruleset({ filter: many })),
});
const inForce = (await rules()).length;
await processKernel.apply(applied.undo);

const report: ApplyReport = {
  userNamespace: inUserNamespace(),
  linkFailure,
  existing,
  sysctlFailure: { message: sysctlMessage, forwarding: forwarding.trim() },
  firewallFailure,
  large: { atomic: applied.atomic, rules: inForce, afterUndo: (await rules()).length },
};
process.stdout.write(JSON.stringify(report));
