/**
 * Passes: the narrowest thing that a firewall which denies by default can be told to let through, for the packet that it stopped.
 * In: a hook, a packet, the bridges. Out: what to accept. How that is written is for each kind of firewall: rules of iptables,
 * native rules, and the words of the program that owns the rules, since what is inserted behind its back it forgets.
 */
import { accept, answers, onDevice, onPing, onPort, rule } from '../../firewall/nft/build.ts';
import { acceptDevice } from '../../firewall/nft/edit.ts';
import type { NftRule } from '../../firewall/nft/model.ts';
import type { Rule } from '../../firewall/ruleset.ts';
import type { Family } from '../../net/addr.ts';
import type { Repair } from '../finding.ts';
import { shellLine } from '../shell.ts';
import type { Meeting } from './meeting.ts';

/** The hooks of a filter at which packets of containers are stopped. */
export type FilterHook = 'input' | 'forward' | 'output';

export type Pass =
  /** All that comes from a bridge, and at the hooks `forward` and `output` all that goes to it. */
  | { readonly kind: 'bridge'; readonly hook: FilterHook; readonly bridge: string }
  /** One service of the host, by one device. */
  | {
      readonly kind: 'service';
      readonly device: string;
      readonly protocol: 'tcp' | 'udp';
      readonly port: number;
    }
  /** Echo requests by one device. */
  | { readonly kind: 'ping'; readonly device: string; readonly family: Family }
  /** Answers to what was let through. */
  | { readonly kind: 'answers'; readonly hook: FilterHook };

/** What would let this packet through; nothing narrow for what the host sends beyond the bridges. */
export function passesFor(hook: FilterHook, meeting: Meeting, bridges: readonly string[]): readonly Pass[] {
  const { header, inDevice, isReply } = meeting;
  const byBridge = bridges.map((bridge): Pass => ({ kind: 'bridge', hook, bridge }));
  if (hook !== 'input' || header === undefined || inDevice === undefined) return byBridge;
  if (isReply) return [{ kind: 'answers', hook }];
  if (bridges.includes(inDevice)) return [{ kind: 'bridge', hook, bridge: inDevice }];
  const { protocol, dport, dst } = header;
  if ((protocol === 'tcp' || protocol === 'udp') && dport !== undefined)
    return [{ kind: 'service', device: inDevice, protocol, port: dport }];
  return protocol === 'icmp' || protocol === 'icmpv6'
    ? [{ kind: 'ping', device: inDevice, family: dst.family }]
    : [];
}

/** Tells passes apart. */
export function passKey(pass: Pass): string {
  return Object.values(pass).join(' ');
}

/** The same as rules of iptables, to stand first in the built-in chain of the hook. */
export function passRules(pass: Pass): readonly Rule[] {
  const target = { kind: 'jump', name: 'ACCEPT', options: [] } as const;
  const by = (value: string) => ({ not: false, value });
  const option = (module: string, name: string, value: string) => ({
    module,
    options: [{ not: false, name, values: [value] }],
  });
  switch (pass.kind) {
    case 'bridge': {
      const from: Rule = { inInterface: by(pass.bridge), matches: [], target };
      const to: Rule = { outInterface: by(pass.bridge), matches: [], target };
      return pass.hook === 'input' ? [from] : pass.hook === 'output' ? [to] : [from, to];
    }
    case 'service':
      return [
        {
          inInterface: by(pass.device),
          protocol: by(pass.protocol),
          matches: [option(pass.protocol, '--dport', `${pass.port}`)],
          target,
        },
      ];
    case 'ping':
      return [
        pass.family === 'ipv4'
          ? {
              inInterface: by(pass.device),
              protocol: by('icmp'),
              matches: [option('icmp', '--icmp-type', '8')],
              target,
            }
          : {
              inInterface: by(pass.device),
              protocol: by('ipv6-icmp'),
              matches: [option('icmp6', '--icmpv6-type', '128')],
              target,
            },
      ];
    case 'answers':
      return [{ matches: [option('conntrack', '--ctstate', 'RELATED,ESTABLISHED')], target }];
  }
}

/** The same as native rules, to stand first in a base chain of the hook. */
export function passNftRules(pass: Pass): readonly NftRule[] {
  switch (pass.kind) {
    case 'bridge': {
      const from = acceptDevice('iifname', pass.bridge);
      const to = acceptDevice('oifname', pass.bridge);
      return pass.hook === 'input' ? [from] : pass.hook === 'output' ? [to] : [from, to];
    }
    case 'service':
      return [
        rule(
          undefined,
          onDevice('iifname', '==', pass.device),
          onPort(pass.protocol, 'dport', pass.port),
          accept,
        ),
      ];
    case 'ping':
      return [rule(undefined, onDevice('iifname', '==', pass.device), onPing(pass.family), accept)];
    case 'answers':
      return [rule(undefined, answers, accept)];
  }
}

/** The same in the words of ufw, which keeps them; it lets answers and pings pass by itself (before.rules). */
export function ufwRepair(pass: Pass): Repair | undefined {
  const repair = (...lines: readonly (readonly string[])[]): Repair => ({
    kind: 'command',
    change: lines.map((args) => shellLine(['ufw', ...args])).join('\n'),
  });
  switch (pass.kind) {
    case 'bridge':
      if (pass.hook === 'input') return repair(['allow', 'in', 'on', pass.bridge]);
      if (pass.hook === 'output') return repair(['allow', 'out', 'on', pass.bridge]);
      return repair(
        ['route', 'allow', 'in', 'on', pass.bridge],
        ['route', 'allow', 'out', 'on', pass.bridge],
      );
    case 'service':
      return repair([
        ...['allow', 'in', 'on', pass.device, 'to', 'any', 'port', `${pass.port}`],
        ...['proto', pass.protocol],
      ]);
    default:
      return undefined;
  }
}

/**
 * The same in the words of firewalld, which rewrites its table at every reload: what lasts is the zone of the bridge, or a port of a
 * zone, set now and for good (a reload would take older engines' rules away). `zones`: of which the bridge belongs in the first, and
 * the device is in the second, undefined where nothing shows it.
 */
export function firewalldRepair(
  pass: Pass,
  zones: { readonly bridge: string; readonly device: string | undefined },
): Repair | undefined {
  const repair = (args: readonly string[]): Repair => ({
    kind: 'command',
    change: [args, ['--permanent', ...args]].map((a) => shellLine(['firewall-cmd', ...a])).join('\n'),
  });
  switch (pass.kind) {
    case 'bridge':
      return repair([`--zone=${zones.bridge}`, `--change-interface=${pass.bridge}`]);
    case 'service':
      return zones.device === undefined
        ? undefined
        : repair([`--zone=${zones.device}`, `--add-port=${pass.port}/${pass.protocol}`]);
    default:
      return undefined;
  }
}
