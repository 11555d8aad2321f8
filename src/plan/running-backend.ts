/**
 * The firewall backend of a running engine, which may be older than its configuration: since 29.0 a change waits for a restart.
 * In: docker-info.json, else the engine's native tables where only rules tell of the engine. Out: the setting as it is in force.
 */
import { z } from 'zod';
import { type Facts, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';
import type { Namespace } from '../host/state.ts';
import type { Setting } from '../options/options.ts';
import { isAtLeast } from '../options/version.ts';
import { isDockerNftTable } from './docker-rules.ts';
import type { KnownEngine } from './engine-version.ts';

/** `Driver` is `iptables` or `nftables`, either with `+firewalld`. */
const infoFile = z.object({ FirewallBackend: z.object({ Driver: z.string() }) });

/** Undefined where no fact tells, and for engines that have iptables alone. */
export function runningBackend(
  facts: Facts,
  engine: KnownEngine,
  host: Namespace | undefined,
): Setting<'iptables' | 'nftables'> | undefined {
  // 28 names what DOCKER_FIREWALL_BACKEND asks for, and writes iptables rules all the same. Another engine than the running one
  // would start with its configuration.
  if (!isAtLeast(engine.version, '29.0') || engine.by === 'given') return undefined;
  const content = text(facts, 'docker-info.json') ?? '';
  const info = infoFile.safeParse(parseJson(content, 'docker-info.json').value);
  if (info.success) {
    const line = content.slice(0, content.indexOf('"FirewallBackend"')).split('\n').length;
    const native = info.data.FirewallBackend.Driver.startsWith('nftables');
    return setting(native ? 'nftables' : 'iptables', 'docker-info.json', line);
  }
  const native = host?.nft?.tables.find(({ name }) => isDockerNftTable(name));
  if (engine.by !== 'recognised' || native === undefined) return undefined;
  return setting('nftables', native.at?.file ?? 'nft-ruleset.json', 1);
}

function setting(
  value: 'iptables' | 'nftables',
  path: string,
  line: number,
): Setting<'iptables' | 'nftables'> {
  return { value, origin: { kind: 'file', path, line, column: 1 } };
}
