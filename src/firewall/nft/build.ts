/**
 * Parts of native rules, for whoever plans them. In: devices, addresses, ports, verdicts. Out: statements in the form in which
 * `parse.ts` reads what the kernel lists, so that planned and observed rules compare as they are. Only what planned rules use.
 */
import { type Addr, formatAddr } from '../../net/addr.ts';
import { addressBits, type Prefix } from '../../net/prefix.ts';
import {
  type Expression,
  type NftRule,
  type NftVerdict,
  nftFamilies,
  type SetElement,
  type Statement,
} from './model.ts';

type Equality = '==' | '!=';

function literal(value: string | number): Expression {
  return { kind: 'literal', value };
}

function match(left: Expression, operator: Equality | 'in', right: Expression): Statement {
  return { kind: 'match', operator, left, right };
}

/** `iifname != "docker0"`; several names are a set, which nft keeps in their order. */
export function onDevice(
  key: 'iifname' | 'oifname',
  operator: Equality,
  name: string,
  ...more: readonly string[]
): Statement {
  const names = [...new Set([name, ...more])].sort();
  const right: Expression =
    names.length === 1
      ? literal(name)
      : { kind: 'set', set: { elements: names.map((each) => ({ key: literal(each) })) } };
  return match({ kind: 'meta', key }, operator, right);
}

/** `ip daddr 172.17.0.2` */
export function onAddress(field: 'saddr' | 'daddr', operator: Equality, addr: Addr): Statement {
  return onPrefix(field, operator, { addr, bits: addressBits(addr.family) });
}

/** `ip6 saddr != fe80::/10`; a prefix of one address is that address. */
export function onPrefix(field: 'saddr' | 'daddr', operator: Equality, { addr, bits }: Prefix): Statement {
  const address = literal(formatAddr(addr));
  return match(
    { kind: 'payload', protocol: nftFamilies[addr.family], field },
    operator,
    bits === addressBits(addr.family) ? address : { kind: 'prefix', address, bits },
  );
}

/** `tcp dport 80` */
export function onPort(protocol: string, field: 'sport' | 'dport', port: number): Statement {
  return match({ kind: 'payload', protocol, field }, '==', literal(port));
}

/** `fib daddr type local` */
export function onLocal(flag: 'saddr' | 'daddr'): Statement {
  return match({ kind: 'fib', result: 'type', flags: [flag] }, '==', literal('local'));
}

/** `ip protocol icmp`, `meta l4proto ipv6-icmp` */
export function onPing(family: Addr['family']): Statement {
  return family === 'ipv4'
    ? match({ kind: 'payload', protocol: 'ip', field: 'protocol' }, '==', literal('icmp'))
    : match({ kind: 'meta', key: 'l4proto' }, '==', literal('ipv6-icmp'));
}

/** `ct state established,related` */
export const answers: Statement = match({ kind: 'ct', key: 'state' }, 'in', {
  kind: 'flags',
  flags: [literal('established'), literal('related')],
});

/** `meta mark 7`, `meta mark & 255 == 7` */
export function onMark(mark: number, mask?: number): Statement {
  const key: Expression = { kind: 'meta', key: 'mark' };
  const left: Expression =
    mask === undefined ? key : { kind: 'bits', operator: '&', operands: [key, literal(mask)] };
  return match(left, '==', literal(mark));
}

/** Counts packets and bytes, from none on. */
export const counter: Statement = { kind: 'observe', name: 'counter', json: '{"counter":null}' };

export function verdict(verdict: NftVerdict): Statement {
  return { kind: 'verdict', verdict };
}

export const accept = verdict({ kind: 'accept' });
export const drop = verdict({ kind: 'drop' });

export function jump(chain: string): Statement {
  return verdict({ kind: 'jump', chain });
}

/** `oifname vmap @name` */
export function lookUp(key: 'iifname' | 'oifname', name: string): Statement {
  return { kind: 'vmap', key: { kind: 'meta', key }, map: { name } };
}

export const masquerade: Statement = { kind: 'nat', nat: 'masquerade' };

/** `dnat to 172.17.0.2:80`, `snat to 203.0.113.2` */
export function translateTo(nat: 'dnat' | 'snat', addr: Addr, port?: number): Statement {
  return {
    kind: 'nat',
    nat,
    address: literal(formatAddr(addr)),
    ...(port === undefined ? {} : { port: literal(port) }),
  };
}

/** An element of a verdict map from devices. */
export function jumpElement(device: string, chain: string): SetElement {
  return { key: literal(device), verdict: { kind: 'jump', chain } };
}

export function rule(comment: string | undefined, ...statements: readonly Statement[]): NftRule {
  return { ...(comment === undefined ? {} : { comment }), statements };
}
