/**
 * ICMP errors by meaning: the type and code that each family has for it, and what REJECT's names mean.
 * In: a problem. Out: numbers, or the other way round. Sources: RFC 792, RFC 1122, RFC 4443; ipt_REJECT.c, ip6t_REJECT.c.
 */
import type { Family } from '../net/addr.ts';

export type IcmpProblem =
  | 'no-route'
  | 'host-unreachable'
  | 'protocol-unreachable'
  | 'port-unreachable'
  | 'net-prohibited'
  | 'host-prohibited'
  | 'prohibited'
  | 'policy-fail'
  | 'reject-route'
  | 'too-big'
  | 'ttl-exceeded';

type Numbers = { readonly type: number; readonly code: number };

const numbers: Readonly<Record<IcmpProblem, Readonly<Record<Family, Numbers>>>> = {
  'no-route': { ipv4: { type: 3, code: 0 }, ipv6: { type: 1, code: 0 } },
  'host-unreachable': { ipv4: { type: 3, code: 1 }, ipv6: { type: 1, code: 3 } },
  'protocol-unreachable': { ipv4: { type: 3, code: 2 }, ipv6: { type: 1, code: 4 } },
  'port-unreachable': { ipv4: { type: 3, code: 3 }, ipv6: { type: 1, code: 4 } },
  'net-prohibited': { ipv4: { type: 3, code: 9 }, ipv6: { type: 1, code: 1 } },
  'host-prohibited': { ipv4: { type: 3, code: 10 }, ipv6: { type: 1, code: 1 } },
  prohibited: { ipv4: { type: 3, code: 13 }, ipv6: { type: 1, code: 1 } },
  'policy-fail': { ipv4: { type: 3, code: 13 }, ipv6: { type: 1, code: 5 } },
  'reject-route': { ipv4: { type: 3, code: 13 }, ipv6: { type: 1, code: 6 } },
  'too-big': { ipv4: { type: 3, code: 4 }, ipv6: { type: 2, code: 0 } },
  'ttl-exceeded': { ipv4: { type: 11, code: 0 }, ipv6: { type: 3, code: 0 } },
};

export function icmpNumbers(family: Family, problem: IcmpProblem): Numbers {
  return numbers[problem][family];
}

/** Whether these numbers say that a packet was too big. */
export function saysTooBig(family: Family, type: number, code: number): boolean {
  const { type: t, code: c } = numbers['too-big'][family];
  return type === t && code === c;
}

/** Names of REJECT --reject-with of both families, long and short. */
const rejectNames: Readonly<Record<string, IcmpProblem>> = {
  'net-unreachable': 'no-route',
  'net-unreach': 'no-route',
  'no-route': 'no-route',
  'host-unreachable': 'host-unreachable',
  'host-unreach': 'host-unreachable',
  'addr-unreachable': 'host-unreachable',
  'addr-unreach': 'host-unreachable',
  'proto-unreachable': 'protocol-unreachable',
  'proto-unreach': 'protocol-unreachable',
  'port-unreachable': 'port-unreachable',
  'port-unreach': 'port-unreachable',
  'net-prohibited': 'net-prohibited',
  'net-prohib': 'net-prohibited',
  'host-prohibited': 'host-prohibited',
  'host-prohib': 'host-prohibited',
  'admin-prohibited': 'prohibited',
  'admin-prohib': 'prohibited',
  'adm-prohibited': 'prohibited',
  'policy-fail': 'policy-fail',
  'reject-route': 'reject-route',
};

/** What a REJECT answers with; its own default for a name that is not known. */
export function rejectProblem(name: string): IcmpProblem {
  return rejectNames[name.replace(/^icmp6?-/, '')] ?? 'port-unreachable';
}
