/**
 * What is known of match and target modules by name: their options, and which names are verdicts, targets or implied by `-p`.
 * In: a name. Out: a ModuleSpec or an answer. What a module means is not said here.
 */
import { matchSpecs } from './match-specs.ts';
import type { ModuleSpec } from './module-spec.ts';
import { otherTargets, targetSpecs } from './target-specs.ts';

export type { ModuleSpec, OptionSpec } from './module-spec.ts';

export function matchSpec(module: string): ModuleSpec | undefined {
  return matchSpecs.get(module);
}

export function targetSpec(name: string): ModuleSpec | undefined {
  return targetSpecs.get(name);
}

/** A verdict or a target extension, as opposed to a user-defined chain. */
export function isTargetExtension(name: string): boolean {
  return targetSpecs.has(name) || otherTargets.has(name);
}

/** The verdicts of the kernel's standard target. */
export function isVerdict(name: string): boolean {
  return name === 'ACCEPT' || name === 'DROP' || name === 'RETURN' || name === 'QUEUE';
}

/** iptables loads the protocol's match by itself when one of its options follows `-p`. */
export function protocolModule(protocol: string): string | undefined {
  switch (protocol) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'dccp':
    case 'icmp':
    case 'esp':
      return protocol;
    case 'ipv6-icmp':
      return 'icmp6';
    default:
      return undefined;
  }
}
