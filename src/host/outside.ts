/**
 * The described outside: what the world beyond the uplink is, from a bundle's outside.json or `--outside FILE`.
 * In: its JSON text. Out: OutsideFacts. What it means for a flow is the simulator's subject.
 */
import { z } from 'zod';
import { parseAddr } from '../net/addr.ts';
import { type Prefix, parsePrefixOrAddr } from '../net/prefix.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { firstIssue, parseJson } from './json.ts';
import type { OutsideFacts } from './state.ts';

const linkSchema = z.object({
  name: z.string(),
  peer: z.string().optional(),
  addresses: z.array(z.string()).default([]),
});

const routeSchema = z.object({
  to: z.string(),
  via: z.string().optional(),
  dev: z.string().optional(),
  src: z.string().optional(),
});

const outsideSchema = z.looseObject({
  namespace: z.string().default('inet'),
  links: z.array(linkSchema).default([]),
  routes: z.array(routeSchema).default([]),
  listeners: z.array(z.string()).default([]),
  forwards: z.boolean().default(false),
});
type OutsideJson = z.infer<typeof outsideSchema>;

/** Undefined when the file as a whole is not usable; a wrong address or listener inside is reported and left out. */
export function parseOutside(content: string, file: string): Parsed<OutsideFacts | undefined> {
  const json = parseJson(content, file);
  if (json.problems.length > 0) return { value: undefined, problems: json.problems };
  const checked = outsideSchema.safeParse(json.value);
  if (!checked.success) return { value: undefined, problems: [{ file, message: firstIssue(checked.error) }] };
  return outsideFacts(checked.data, file);
}

function outsideFacts(json: OutsideJson, file: string): Parsed<OutsideFacts> {
  const problems: FactProblem[] = [];
  const need = <T>(value: T | undefined, text: string, what: string): T | undefined => {
    if (value === undefined) problems.push({ file, message: `not ${what}: ${text}` });
    return value;
  };
  const links = json.links.map((link) => ({
    name: link.name,
    ...(link.peer === undefined ? {} : { peer: link.peer }),
    addresses: link.addresses
      .map((a) => need(parsePrefixOrAddr(a), a, 'an address with length'))
      .filter((a) => a !== undefined),
  }));
  const routes = json.routes.flatMap((route) => {
    const dst = need(destination(route), route.to, 'a prefix');
    if (dst === undefined) return [];
    const via = route.via === undefined ? undefined : need(parseAddr(route.via), route.via, 'an address');
    const src = route.src === undefined ? undefined : need(parseAddr(route.src), route.src, 'an address');
    const dev = route.dev === undefined ? {} : { dev: route.dev };
    return [{ dst, ...(via === undefined ? {} : { via }), ...dev, ...(src === undefined ? {} : { src }) }];
  });
  const listeners = json.listeners
    .map((entry) => need(listener(entry), entry, 'a listener (`tcp 7777`, `udp 192.0.2.1:53`)'))
    .filter((l) => l !== undefined);
  const value: OutsideFacts = {
    name: json.namespace,
    links,
    routes,
    listeners,
    forwards: json.forwards,
    notes: notesOf(json),
  };
  return { value, problems };
}

function destination(route: z.infer<typeof routeSchema>): Prefix | undefined {
  if (route.to !== 'default') return parsePrefixOrAddr(route.to);
  return parsePrefixOrAddr(route.via?.includes(':') === true ? '::/0' : '0.0.0.0/0');
}

function listener(entry: string): OutsideFacts['listeners'][number] | undefined {
  const match = /^(tcp|udp) (?:\[?([0-9a-fA-F.:]+?)\]?:)?(\d{1,5})$/.exec(entry);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) return undefined;
  const address = match[2] === undefined ? undefined : parseAddr(match[2]);
  if (match[2] !== undefined && address === undefined) return undefined;
  return {
    protocol: match[1] === 'tcp' ? 'tcp' : 'udp',
    port,
    ...(address === undefined ? {} : { address }),
  };
}

/** Every other key that holds words says something that is not modelled: it is kept, under its name. */
function notesOf(json: OutsideJson): readonly string[] {
  return Object.entries(json).flatMap(([key, value]) => {
    if (Object.hasOwn(outsideSchema.shape, key)) return [];
    const words: readonly unknown[] = Array.isArray(value) ? value : [value];
    return words.filter((word) => typeof word === 'string').map((word) => `${key}: ${word}`);
  });
}
