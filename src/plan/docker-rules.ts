/**
 * Docker's own chains and rules, known by their looks, with the generations that make them.
 * In: a rule and where it stands. Out: the row of the table that it fits, or none: then somebody else wrote it.
 * A test holds the table against the plans of all generations, both ways. What should be on a host is not decided here.
 */
import type { Rule, Ruleset, TableName } from '../firewall/ruleset.ts';
import { shapeOf } from '../firewall/shape.ts';
import type { Family } from '../net/addr.ts';
import { generations } from './generation.ts';
import type { Generation } from './plan.ts';

/** A rule with its place. */
export interface PlacedRule {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  readonly rule: Rule;
}

/** One row of the table. */
export interface DockerRule {
  /** `filter FORWARD`. */
  readonly at: string;
  /** A shape (see `shapeOf`) in which `[...]` may be absent and `A|B` is one of these words. */
  readonly pattern: string;
  /** The generations that make it, by family; none: nobody does. */
  readonly madeBy: Readonly<Record<Family, readonly Generation[]>>;
}

const answers = '-m conntrack --ctstate RELATED,ESTABLISHED';
const local = '-m addrtype --dst-type LOCAL';
const port = '-p P -m P --dport N';
const ext = '-m set --match-set docker-ext-bridges dst';
const stage1 = 'DOCKER-ISOLATION-STAGE-1';
const stage2 = 'DOCKER-ISOLATION-STAGE-2';

/** In ip6tables as well, which comes in with G3 (20.10); `firstIpv6` where only later ones do it there. */
function both(
  at: string,
  pattern: string,
  first: Generation,
  last: Generation,
  firstIpv6: Generation = 'G3',
): DockerRule {
  const ipv4 = spanOf(first, last);
  return { at, pattern, madeBy: { ipv4, ipv6: spanOf(firstIpv6, last).filter((g) => ipv4.includes(g)) } };
}

function ipv4Only(at: string, pattern: string, first: Generation, last: Generation): DockerRule {
  return { at, pattern, madeBy: { ipv4: spanOf(first, last), ipv6: [] } };
}

function ipv6Only(at: string, pattern: string, first: Generation, last: Generation): DockerRule {
  return { at, pattern, madeBy: { ipv4: [], ipv6: spanOf(first, last) } };
}

function spanOf(first: Generation, last: Generation): readonly Generation[] {
  return generations.slice(generations.indexOf(first), generations.indexOf(last) + 1);
}

/** What the plans have, by table and chain. */
export const plannedRules: readonly DockerRule[] = [
  both('filter FORWARD', '-j DOCKER-USER', 'G1', 'G10', 'G4'),
  both('filter FORWARD', '-j DOCKER-ISOLATION', 'G1', 'G1'),
  both('filter FORWARD', `-j ${stage1}`, 'G2', 'G6'),
  both('filter FORWARD', '-j DOCKER-FORWARD', 'G7', 'G10'),
  both('filter FORWARD', '-o BR -j DOCKER', 'G1', 'G5'),
  both('filter FORWARD', `-o BR ${answers} -j ACCEPT`, 'G1', 'G5'),
  both('filter FORWARD', '-i BR ! -o BR -j ACCEPT', 'G1', 'G6'),
  both('filter FORWARD', '-i BR -o BR -j ACCEPT|DROP', 'G1', 'G6'),
  both('filter FORWARD', '-i BR -j ACCEPT', 'G6', 'G6'),
  both('filter FORWARD', `${ext} -j DOCKER`, 'G6', 'G6'),
  both('filter FORWARD', `${ext} ${answers} -j ACCEPT`, 'G6', 'G6'),
  both('filter DOCKER-USER', '-j RETURN', 'G1', 'G8', 'G4'),
  both('filter DOCKER', `-d HOST ! -i BR -o BR ${port} -j ACCEPT`, 'G1', 'G10'),
  ipv4Only(
    'filter DOCKER',
    '-s HOST -d HOST2 -i BR -o BR -p P -m P --dport|--sport N -j ACCEPT',
    'G1',
    'G10',
  ),
  both('filter DOCKER', '-o BR -p PING -j ACCEPT', 'G6', 'G10'),
  both('filter DOCKER', '! -i BR -o BR -j ACCEPT|DROP', 'G6', 'G10'),
  both('filter DOCKER-ISOLATION', '-i BR -o BR2 -j DROP', 'G1', 'G1'),
  both('filter DOCKER-ISOLATION', '! -d NET -i BR -j DROP', 'G1', 'G1'),
  both('filter DOCKER-ISOLATION', '! -s NET -o BR -j DROP', 'G1', 'G1'),
  both('filter DOCKER-ISOLATION', '-j RETURN', 'G1', 'G1'),
  both(`filter ${stage1}`, `-i BR ! -o BR -j ${stage2}`, 'G2', 'G9'),
  ipv4Only(`filter ${stage1}`, '! -d NET -i BR -j DROP', 'G2', 'G9'),
  ipv4Only(`filter ${stage1}`, '! -s NET -o BR -j DROP', 'G2', 'G9'),
  // 24.0.6 lets IPv6's link-local addresses pass within the bridge.
  ipv6Only(`filter ${stage1}`, '! -d NET -i BR -j DROP', 'G3', 'G4'),
  ipv6Only(`filter ${stage1}`, '! -s NET -o BR -j DROP', 'G3', 'G4'),
  ipv6Only(`filter ${stage1}`, '! -d NET -i BR ! -o BR -j DROP', 'G4', 'G9'),
  ipv6Only(`filter ${stage1}`, '! -s NET ! -i BR -o BR -j DROP', 'G4', 'G9'),
  both(`filter ${stage1}`, '-o BR -j RETURN', 'G6', 'G9'),
  both(`filter ${stage1}`, `-i BR ${answers} -j ACCEPT`, 'G6', 'G9'),
  both(`filter ${stage1}`, '-j RETURN', 'G2', 'G5'),
  both(`filter ${stage2}`, '-o BR -j DROP', 'G2', 'G9'),
  both(`filter ${stage2}`, '-j RETURN', 'G2', 'G5'),
  both('filter DOCKER-FORWARD', '-j DOCKER-BRIDGE|DOCKER-CT', 'G7', 'G10'),
  both('filter DOCKER-FORWARD', `-j ${stage1}`, 'G7', 'G9'),
  both('filter DOCKER-FORWARD', '-j DOCKER-INTERNAL', 'G10', 'G10'),
  both('filter DOCKER-FORWARD', '-m mark --mark N -j ACCEPT', 'G10', 'G10'),
  both('filter DOCKER-FORWARD', '-i BR [! -o BR] -j ACCEPT', 'G7', 'G10'),
  both('filter DOCKER-FORWARD', '-i BR -o BR -j ACCEPT|DROP', 'G7', 'G10'),
  both('filter DOCKER-BRIDGE', '-o BR -j DOCKER', 'G7', 'G10'),
  both('filter DOCKER-CT', `-o BR ${answers} -j ACCEPT`, 'G7', 'G10'),
  ipv4Only('filter DOCKER-INTERNAL', '! -d NET -i BR -j DROP', 'G10', 'G10'),
  ipv4Only('filter DOCKER-INTERNAL', '! -s NET -o BR -j DROP', 'G10', 'G10'),
  ipv6Only('filter DOCKER-INTERNAL', '! -d NET -i BR ! -o BR -j DROP', 'G10', 'G10'),
  ipv6Only('filter DOCKER-INTERNAL', '! -s NET ! -i BR -o BR -j DROP', 'G10', 'G10'),
  both('nat PREROUTING', `${local} -j DOCKER`, 'G1', 'G10'),
  ipv4Only('nat OUTPUT', `[! -d NET] ${local} -j DOCKER`, 'G1', 'G10'),
  ipv6Only('nat OUTPUT', `[! -d HOST] ${local} -j DOCKER`, 'G3', 'G10'),
  both('nat DOCKER', '-i BR -j RETURN', 'G1', 'G9'),
  // WSL2 with mirrored networking, here and in raw.
  ipv4Only('nat DOCKER', '-d NET -i loopback0 -j RETURN', 'G5', 'G10'),
  ipv4Only('nat DOCKER', `[-d HOST] [! -i BR] ${port} -j DNAT --to-destination HOST:N`, 'G1', 'G10'),
  ipv6Only('nat DOCKER', `[-d HOST] [! -i BR] ${port} -j DNAT --to-destination HOST:N`, 'G3', 'G5'),
  ipv6Only('nat DOCKER', `! -s NET [-d HOST] [! -i BR] ${port} -j DNAT --to-destination HOST:N`, 'G6', 'G10'),
  both('nat POSTROUTING', '-s NET ! -o BR -j MASQUERADE', 'G1', 'G10'),
  both('nat POSTROUTING', '-s NET ! -o BR -j SNAT --to-source HOST', 'G3', 'G10', 'G4'),
  both('nat POSTROUTING', '-o BR -m addrtype --src-type LOCAL -j MASQUERADE', 'G1', 'G10'),
  both('nat POSTROUTING', '-o BR -m addrtype --src-type LOCAL -j SNAT --to-source HOST', 'G3', 'G10', 'G4'),
  both('nat POSTROUTING', `-s HOST -d HOST ${port} -j MASQUERADE`, 'G1', 'G10'),
  both('raw PREROUTING', `-d HOST ! -i BR ${port} -j DROP`, 'G6', 'G7'),
  both('raw PREROUTING', '-d HOST ! -i BR -j DROP', 'G8', 'G10'),
  both('raw PREROUTING', '-d HOST -i BR|IF -j ACCEPT', 'G8', 'G10'),
  ipv4Only('raw PREROUTING', `-d HOST ! -i lo ${port} -j DROP`, 'G6', 'G10'),
  ipv4Only('raw PREROUTING', `-d HOST -i loopback0 ${port} -j ACCEPT`, 'G6', 'G10'),
  both('mangle POSTROUTING', '-p P -m P --sport N -j CHECKSUM --checksum-fill', 'G1', 'G9'),
];

/**
 * What swarm makes for published services, which no plan holds (libnetwork/service_linux.go of 17.06 and 28.5): answers with the
 * match `state` in older engines. docker_gwbridge has its rules as any bridge has.
 */
export const swarmRules: readonly DockerRule[] = [
  both('filter FORWARD', '-j DOCKER-INGRESS', 'G1', 'G6'),
  both('filter DOCKER-FORWARD', '-j DOCKER-INGRESS', 'G7', 'G10'),
  both('filter DOCKER-INGRESS', `${port} -j ACCEPT`, 'G1', 'G10'),
  both(
    'filter DOCKER-INGRESS',
    '-p P -m state --state RELATED,ESTABLISHED -m P --sport N -j ACCEPT',
    'G1',
    'G10',
  ),
  both('filter DOCKER-INGRESS', `-p P -m P --sport N ${answers} -j ACCEPT`, 'G1', 'G10'),
  both('filter DOCKER-INGRESS', '-j RETURN', 'G1', 'G10'),
  both('nat PREROUTING', `${local} -j DOCKER-INGRESS`, 'G1', 'G10'),
  both('nat OUTPUT', `${local} -j DOCKER-INGRESS`, 'G1', 'G10'),
  both('nat DOCKER-INGRESS', `${port} -j DNAT --to-destination HOST:N`, 'G1', 'G10'),
  both('nat DOCKER-INGRESS', '-j RETURN', 'G1', 'G10'),
];

/** In containers' namespaces (`sandbox.ts`), by the same hand in all generations. */
export const resolverRules: readonly DockerRule[] = [
  ipv4Only('nat OUTPUT', '-d HOST -j DOCKER_OUTPUT', 'G1', 'G10'),
  ipv4Only('nat POSTROUTING', '-d HOST -j DOCKER_POSTROUTING', 'G1', 'G10'),
  ipv4Only('nat DOCKER_OUTPUT', `-d HOST ${port} -j DNAT --to-destination HOST:N`, 'G1', 'G10'),
  ipv4Only('nat DOCKER_POSTROUTING', '-s HOST -p P -m P --sport N -j SNAT --to-source :53', 'G1', 'G10'),
];

/** The bridge that leads swarm's networks out. */
const gatewayBridge = 'docker_gwbridge';

/** Swarm's rules come and go with its services and nodes, so no plan of the engine's start holds them. */
export function isSwarmRule(row: DockerRule, { inInterface, outInterface }: Rule): boolean {
  const isGateway = (name: Rule['inInterface']) => name?.value === gatewayBridge;
  return swarmRules.includes(row) || isGateway(inInterface) || isGateway(outInterface);
}

/** The chain that swarm fills. */
export const swarmChainName = 'DOCKER-INGRESS';

interface Row {
  readonly made: DockerRule;
  readonly fits: RegExp;
}

const rowsByChain = rowsOf([...plannedRules, ...swarmRules, ...resolverRules]);

function rowsOf(rules: readonly DockerRule[]): ReadonlyMap<string, readonly Row[]> {
  const byChain = new Map<string, Row[]>();
  for (const made of rules) {
    const row = { made, fits: compile(made.pattern) };
    byChain.set(made.at, [...(byChain.get(made.at) ?? []), row]);
  }
  return byChain;
}

/** A pattern as a regular expression over shapes. */
function compile(pattern: string): RegExp {
  const words = pattern.split(/ (?![^[]*\])/).map((word) => {
    const optional = /^\[(.*)\]$/.exec(word)?.[1];
    return optional === undefined ? `(?:${word}) ` : `(?:${optional} )?`;
  });
  return new RegExp(`^${words.join('')}$`);
}

/** The administrator's chain: the engine makes it and fills nothing in but a RETURN. */
export const userChainName = 'DOCKER-USER';

/** Chains that engines make, empty and fill as they like, with those that do. DOCKER-USER is not among them: the administrator fills it. */
const ownChains: Readonly<Record<string, readonly Generation[]>> = {
  DOCKER: generations,
  'DOCKER-ISOLATION': spanOf('G1', 'G1'),
  [stage1]: spanOf('G2', 'G9'),
  [stage2]: spanOf('G2', 'G9'),
  'DOCKER-FORWARD': spanOf('G7', 'G10'),
  'DOCKER-BRIDGE': spanOf('G7', 'G10'),
  'DOCKER-CT': spanOf('G7', 'G10'),
  'DOCKER-INTERNAL': spanOf('G10', 'G10'),
  'DOCKER-INGRESS': generations,
  DOCKER_OUTPUT: generations,
  DOCKER_POSTROUTING: generations,
};

/** Native tables of 29 with the nftables backend: on the host, and in containers' namespaces. */
export function isDockerNftTable(name: string): boolean {
  return name === 'docker-bridges' || name === 'docker-dns';
}

/** The generations that make a chain of this name; undefined where it is not the engine's. */
export function makersOfChain(chain: string): readonly Generation[] | undefined {
  return Object.hasOwn(ownChains, chain) ? ownChains[chain] : undefined;
}

/** The names that engines give to bridges by themselves. */
export function isDockerBridge(name: string): boolean {
  return /^(?:docker0|docker_gwbridge|br-[0-9a-f]{12})$/.test(name);
}

/**
 * Bridges with other names, as the rules show them: what goes out of them goes to DOCKER, and the engine's chains say of them what may go
 * in. Not those of DOCKER-FORWARD: rules that let something pass are often added there by hand.
 */
export function bridgesIn({ tables }: Ruleset): ReadonlySet<string> {
  const rules = tables.flatMap(({ name, chains }) =>
    name !== 'filter'
      ? []
      : chains.flatMap((chain) => {
          const own = makersOfChain(chain.name) !== undefined && chain.name !== 'DOCKER-FORWARD';
          return chain.rules.filter((rule) => own || rule.target?.name === 'DOCKER');
        }),
  );
  return new Set(rules.flatMap(({ outInterface: out }) => (out === undefined || out.not ? [] : [out.value])));
}

/**
 * The row that a rule fits. `bridges` are those that have other names than engines give. A trusted interface's accept fits only beside
 * the drop that it makes an exception of, which is not looked for here.
 */
export function dockerRuleOf(
  { family, table, chain, rule }: PlacedRule,
  bridges: ReadonlySet<string>,
): DockerRule | undefined {
  const candidates = rowsByChain.get(`${table} ${chain}`);
  if (candidates === undefined) return undefined;
  const shape = `${shapeOf(rule, (name) => isDockerBridge(name) || bridges.has(name))} `;
  return candidates.find(({ made, fits }) => made.madeBy[family].length > 0 && fits.test(shape))?.made;
}
