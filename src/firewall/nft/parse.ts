/**
 * Reads `nft -j list ruleset` (libnftables-json(5)). In: the parsed JSON of a hostile or newer tool. Out: an NftRuleset,
 * and a message for each object that could not be used. A statement or expression that is not known is kept as `unknown`.
 */
import { z } from 'zod';
import { otherMembers, withKept } from './kept.ts';
import type {
  Kept,
  NftChain,
  NftFamily,
  NftHook,
  NftObject,
  NftRule,
  NftRuleset,
  NftSet,
  NftTable,
} from './model.ts';
import { parseSetElements } from './parse-expression.ts';
import { parseStatement } from './parse-statement.ts';

const name = z.string().max(1024);
const handle = z.number().optional();
const family = z.enum(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev']);
const words = z.union([z.string().transform((s) => [s]), z.array(z.string())]);
const place = { family, table: name, name };

const tableSchema = z.looseObject({ family, name, handle, flags: words.optional() });
const chainSchema = z.looseObject({
  ...place,
  handle,
  type: z.string().optional(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.enum(['accept', 'drop']).optional(),
  dev: words.optional(),
});
const ruleSchema = z.looseObject({
  family,
  table: name,
  chain: name,
  handle,
  /** Of a listing that is text. */
  line: z.number().optional(),
  comment: z.string().optional(),
  expr: z.array(z.unknown()).default([]),
});
const setSchema = z.looseObject({
  ...place,
  type: z.unknown().optional(),
  map: z.unknown().optional(),
  flags: words.optional(),
  elem: z.array(z.unknown()).optional(),
});
const elementSchema = z.object({ ...place, elem: z.array(z.unknown()) });
const objectSchema = z.looseObject(place);
const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });

/** What was read, and what could not be: one line each. */
export interface ParsedNft {
  readonly ruleset: NftRuleset;
  readonly problems: readonly string[];
}

interface Draft {
  readonly table: z.infer<typeof tableSchema>;
  readonly chains: (z.infer<typeof chainSchema> & { readonly rules: NftRule[] })[];
  readonly sets: NftSet[];
  readonly objects: NftObject[];
}

/**
 * `isTwin` says which tables are iptables' own: nft shows them lossy (`xt`), so what they hold is left to iptables-save.
 * `file` is named as the place of every table and rule; JSON listings have no useful lines. */
export function parseNftJson(
  json: unknown,
  file: string,
  isTwin: (family: NftFamily, table: string) => boolean,
): ParsedNft {
  const checked = listingSchema.safeParse(json);
  if (!checked.success)
    return { ruleset: { tables: [], twins: [] }, problems: ['not the JSON of `nft -j list ruleset`'] };
  const drafts = new Map<string, Draft>();
  const problems: string[] = [];
  const draftOf = (at: { readonly family: NftFamily; readonly table: string }): Draft => {
    const key = `${at.family} ${at.table}`;
    const known = drafts.get(key);
    if (known !== undefined) return known;
    const fresh = { table: { family: at.family, name: at.table }, chains: [], sets: [], objects: [] };
    drafts.set(key, fresh);
    return fresh;
  };
  const read = <T>(what: string, schema: z.ZodType<T>, value: unknown, use: (value: T) => void): void => {
    const result = schema.safeParse(value);
    if (result.success) use(result.data);
    else problems.push(`a ${what} of unexpected form is left out: ${issueText(result.error)}`);
  };
  for (const object of checked.data.nftables) {
    for (const [kind, value] of Object.entries(object)) {
      switch (kind) {
        case 'table':
          read(kind, tableSchema, value, (table) => {
            const key = `${table.family} ${table.name}`;
            const { chains = [], sets = [], objects = [] } = drafts.get(key) ?? {};
            drafts.set(key, { table, chains, sets, objects });
          });
          break;
        case 'chain':
          read(kind, chainSchema, value, (chain) => draftOf(chain).chains.push({ ...chain, rules: [] }));
          break;
        case 'set':
        case 'map':
          read(kind, setSchema, value, (set) => draftOf(set).sets.push(setOf(set)));
          break;
        case 'element':
          read(kind, elementSchema, value, (element) => {
            const { sets } = draftOf(element);
            const index = sets.findIndex((s) => s.name === element.name);
            const set = sets[index];
            if (set !== undefined)
              sets[index] = { ...set, elements: [...set.elements, ...parseSetElements(element.elem)] };
          });
          break;
        case 'rule':
          read(kind, ruleSchema, value, (rule) => {
            const chain = draftOf(rule).chains.find((c) => c.name === rule.chain);
            if (chain === undefined) problems.push(`a rule of the unknown chain ${rule.chain} is left out`);
            else chain.rules.push(ruleOf(rule, file));
          });
          break;
        case 'metainfo':
          break;
        default:
          // Counters, quotas, limits and the like, which statements name.
          read(kind, objectSchema, value, (object) =>
            draftOf(object).objects.push({ kind, name: object.name, body: withoutPlace(object) }),
          );
      }
    }
  }
  const all = [...drafts.values()];
  return {
    ruleset: {
      tables: all.filter(({ table }) => !isTwin(table.family, table.name)).map((d) => tableOf(d, file)),
      twins: all.map(({ table }) => table).filter(({ family, name }) => isTwin(family, name)),
    },
    problems,
  };
}

/** All but where it stands. */
function withoutPlace(object: object): Kept {
  return otherMembers(object, 'family', 'table') ?? {};
}

function tableOf({ table, chains, sets, objects }: Draft, file: string): NftTable {
  const { family, name, handle, flags = [] } = table;
  // The flag of an owner alone is said by `owned`.
  const plainFlags = flags.every((flag) => flag === 'owner');
  return {
    family,
    name,
    ...(handle === undefined ? {} : { handle }),
    ...(flags.includes('owner') ? { owned: true } : {}),
    ...(flags.includes('dormant') ? { dormant: true } : {}),
    chains: chains.map(chainOf),
    sets,
    ...(objects.length === 0 ? {} : { objects }),
    ...withKept(otherMembers(table, 'family', 'name', 'handle', ...(plainFlags ? ['flags'] : []))),
    at: { file },
  };
}

const hookMembers = ['type', 'hook', 'prio', 'policy', 'dev'];

function chainOf({ rules, ...chain }: Draft['chains'][number]): NftChain {
  const base: NftHook | undefined =
    chain.hook === undefined
      ? undefined
      : {
          type: chain.type ?? 'filter',
          hook: chain.hook,
          priority: chain.prio ?? 0,
          policy: chain.policy ?? 'accept',
          devices: chain.dev ?? [],
        };
  return {
    name: chain.name,
    ...(chain.handle === undefined ? {} : { handle: chain.handle }),
    ...(base === undefined ? {} : { base }),
    rules,
    ...withKept(
      otherMembers(chain, 'family', 'table', 'name', 'handle', ...(base === undefined ? [] : hookMembers)),
    ),
  };
}

function ruleOf(rule: z.infer<typeof ruleSchema>, file: string): NftRule {
  return {
    ...(rule.handle === undefined ? {} : { handle: rule.handle }),
    ...(rule.comment === undefined ? {} : { comment: rule.comment }),
    statements: rule.expr.map(parseStatement),
    ...withKept(otherMembers(rule, 'family', 'table', 'chain', 'handle', 'line', 'comment', 'expr')),
    at: { file, ...(rule.line === undefined ? {} : { line: rule.line }) },
  };
}

function setOf(set: z.infer<typeof setSchema>): NftSet {
  const flags = set.flags ?? [];
  // Newer tools print the type of a key that was given as an expression as that expression: `{"typeof": ...}`.
  const type = words.safeParse(set.type);
  const data = words.safeParse(set.map);
  const dynamic = flags.includes('dynamic') || flags.includes('timeout') || set.timeout !== undefined;
  const known = [
    ...['family', 'table', 'name', 'elem'],
    ...(type.success ? ['type'] : []),
    ...(data.success ? ['map'] : []),
    ...(flags.every((flag) => flag === 'dynamic') ? ['flags'] : []),
  ];
  return {
    name: set.name,
    type: type.success ? type.data : [],
    ...(set.map === undefined ? {} : { data: data.success ? data.data : [] }),
    dynamic,
    elements: parseSetElements(set.elem ?? []),
    ...withKept(otherMembers(set, ...known)),
  };
}

function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined
    ? 'no reason given'
    : `${issue.path.map(String).join('.')} ${issue.message}`.trim();
}
