/**
 * One rule of nft's own language as what `nft -j` says of it. In: the words of a rule. Out: JSON statements for `parse-statement.ts`.
 * What is not known here becomes one statement of its own, which stays unknown, up to the verdict that ends the rule: nothing is left out
 * silently. Source: nft(8) and libnftables-json(5); a test holds it against listings in both forms.
 */

/** A word's text is all that counts inside a rule. */
class Words {
  readonly #words: readonly string[];
  at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get next(): string {
    return this.#words[this.at] ?? '';
  }

  get done(): boolean {
    return this.at >= this.#words.length;
  }

  peek(offset: number): string {
    return this.#words[this.at + offset] ?? '';
  }

  take(): string {
    const word = this.next;
    this.at++;
    return word;
  }

  /** Takes these words if they come next. */
  has(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.peek(i) === word)) return false;
    this.at += words.length;
    return true;
  }

  rest(): readonly string[] {
    return this.#words.slice(this.at);
  }
}

type Json = unknown;

/** Not in the part of the language that is known here. */
class NotKnown extends Error {}

export interface RuleJson {
  readonly expr: readonly Json[];
  readonly comment?: string;
  readonly handle?: number;
}

/** Reads the words of a rule, without the chain that it stands in. */
export function ruleJson(given: readonly string[]): RuleJson {
  const handle = /^#(\d+)$/.exec(given.at(-1) ?? '')?.[1];
  const words = new Words(handle === undefined ? given : given.slice(0, -1));
  const expr: Json[] = [];
  let comment: string | undefined;
  while (!words.done) {
    const start = words.at;
    try {
      if (words.has('comment')) comment = unquoted(words.take());
      else expr.push(statement(words));
    } catch (error) {
      if (!(error instanceof NotKnown)) throw error;
      words.at = start;
      const { unknown, verdict } = unknownRest(words.rest());
      expr.push({ text: unknown }, ...verdict);
      break;
    }
  }
  return {
    expr,
    ...(comment === undefined ? {} : { comment }),
    ...(handle === undefined ? {} : { handle: Number(handle) }),
  };
}

/** Words that are not understood, and the verdict that a rule ends with. */
function unknownRest(words: readonly string[]): {
  readonly unknown: string;
  readonly verdict: readonly Json[];
} {
  const comment = words.lastIndexOf('comment');
  const said = comment > 0 && comment === words.length - 2 ? words.slice(0, comment) : words;
  const [last = '', before = ''] = [said.at(-1), said.at(-2)];
  if (plainVerdicts.has(last)) return { unknown: said.slice(0, -1).join(' '), verdict: [{ [last]: null }] };
  if (before === 'jump' || before === 'goto')
    return { unknown: said.slice(0, -2).join(' '), verdict: [{ [before]: { target: last } }] };
  return { unknown: said.join(' '), verdict: [] };
}

const plainVerdicts: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'continue']);

function statement(words: Words): Json {
  const first = words.next;
  if (plainVerdicts.has(first)) {
    words.take();
    return { [first]: null };
  }
  switch (first) {
    case 'jump':
    case 'goto':
      words.take();
      return { [first]: { target: words.take() } };
    case 'counter':
      return counter(words);
    case 'masquerade':
    case 'redirect':
    case 'dnat':
    case 'snat':
      return nat(words);
    case 'reject':
      return reject(words);
    case 'limit':
      return limit(words);
    case 'log':
      return log(words);
    case 'notrack':
      words.take();
      return { notrack: null };
    case 'queue':
    case 'add':
    case 'update':
    case 'delete':
    case 'xt':
    case 'quota':
    case 'dup':
    case 'fwd':
    case 'flow':
    case 'tproxy':
    case 'synproxy':
      throw new NotKnown();
    default:
      return relation(words);
  }
}

function counter(words: Words): Json {
  words.take();
  if (words.has('packets')) {
    const packets = Number(words.take());
    if (!words.has('bytes')) throw new NotKnown();
    return { counter: { packets, bytes: Number(words.take()) } };
  }
  return words.has('name') ? { counter: unquoted(words.take()) } : { counter: null };
}

function nat(words: Words): Json {
  const kind = words.take();
  const family = words.next === 'ip' || words.next === 'ip6' ? words.take() : undefined;
  const target: Record<string, Json> = family === undefined ? {} : { family };
  if (words.has('to')) {
    const word = words.next;
    const literal =
      /^(?:\[([0-9a-f:.]+)\]|(\d+\.[\d.]+)|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*))?(?::(\d+))?$/.exec(word);
    const port = /^:(\d+)-(\d+)$/.exec(word);
    if (port !== null) {
      words.take();
      target.port = { range: [Number(port[1]), Number(port[2])] };
    } else if (literal !== null && word !== '') {
      words.take();
      const address = literal[1] ?? literal[2] ?? literal[3];
      if (address !== undefined) target.addr = address;
      if (literal[4] !== undefined) target.port = Number(literal[4]);
    } else target.addr = mapped(words, selector(words));
  }
  for (const flag of ['random', 'fully-random', 'persistent'])
    if (words.next.split(',').includes(flag)) {
      target.flags = words.take().split(',');
      break;
    }
  return { [kind]: Object.keys(target).length === 0 ? null : target };
}

/** `tcp dport map { ... }`, `ip saddr . tcp dport map @name`. */
function mapped(words: Words, key: Json): Json {
  if (!words.has('map')) throw new NotKnown();
  return { map: { key, data: setOf(words) } };
}

function reject(words: Words): Json {
  words.take();
  if (!words.has('with')) return { reject: null };
  const type = words.take();
  if (type === 'tcp' && words.has('reset')) return { reject: { type: 'tcp reset' } };
  if (!['icmp', 'icmpv6', 'icmpx'].includes(type)) throw new NotKnown();
  words.has('type');
  return { reject: { type, expr: words.take() } };
}

function limit(words: Words): Json {
  words.take();
  if (words.has('name')) return { limit: unquoted(words.take()) };
  if (!words.has('rate')) throw new NotKnown();
  const inv = words.has('over');
  // Packets; nft's default burst is of them too.
  const rate = /^(\d+)\/(second|minute|hour|day|week)$/.exec(words.take());
  if (rate === null) throw new NotKnown();
  const burst = words.has('burst') ? Number(words.take()) : undefined;
  words.has('packets');
  return {
    limit: {
      rate: Number(rate[1]),
      ...(burst === undefined ? {} : { burst }),
      per: rate[2],
      ...(inv ? { inv } : {}),
    },
  };
}

const logWords: ReadonlySet<string> = new Set(['prefix', 'level', 'group', 'snaplen', 'queue-threshold']);

function log(words: Words): Json {
  words.take();
  const said: Record<string, Json> = {};
  for (;;) {
    if (logWords.has(words.next)) said[words.take()] = unquoted(words.take());
    else if (words.has('flags')) said.flags = words.take();
    else return { log: Object.keys(said).length === 0 ? null : said };
  }
}

/** A comparison, a verdict map, or a change: all begin with what is looked at. */
function relation(words: Words): Json {
  if (words.next === 'tcp' && words.peek(1) === 'option') return tcpOption(words);
  const left = selector(words);
  if (words.has('vmap')) return { vmap: { key: left, data: setOf(words) } };
  if (words.has('set')) return { mangle: { key: left, value: value(words) } };
  const operator = ['==', '!=', '<', '>', '<=', '>=', '!'].find((word) => words.has(word));
  const right = rightSide(words);
  const flagged = isFlags(left) && operator === undefined && !isSet(right);
  const op = operator ?? (flagged ? 'in' : '==');
  return { match: { op, left, right } };
}

function tcpOption(words: Words): Json {
  words.at += 2;
  const [name, field] = [words.take(), words.take()];
  const key = { 'tcp option': { name, field } };
  if (!words.has('set')) throw new NotKnown();
  if (words.has('rt', 'mtu')) return { mangle: { key, value: { rt: { key: 'mtu' } } } };
  return { mangle: { key, value: value(words) } };
}

/** Without an operator nft compares flags by any of them. */
function isFlags(left: Json): boolean {
  if (typeof left !== 'object' || left === null) return false;
  if ('ct' in left) return JSON.stringify(left).match(/"key":"(?:state|status)"/) !== null;
  return 'payload' in left && JSON.stringify(left).includes('"field":"flags"');
}

function isSet(right: Json): boolean {
  return (
    (typeof right === 'object' && right !== null && 'set' in right) ||
    (typeof right === 'string' && right.startsWith('@'))
  );
}

function selector(words: Words): Json {
  const first = masked(words, single(words));
  const parts = [first];
  while (words.has('.')) parts.push(masked(words, single(words)));
  return parts.length === 1 ? first : { concat: parts };
}

/** `meta mark & 0x000000ff`, `tcp flags & (fin | syn)`. */
function masked(words: Words, what: Json): Json {
  const operator = ['&', '|', '^', '<<', '>>'].find((word) => words.has(word));
  if (operator === undefined) return what;
  if (!words.has('(')) return { [operator]: [what, value(words)] };
  const flags = [words.take()];
  while (words.has('|')) flags.push(words.take());
  if (!words.has(')')) throw new NotKnown();
  return { [operator]: [what, flags] };
}

const bareMeta: ReadonlySet<string> = new Set([
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iiftype',
  'oiftype',
  'iifgroup',
  'oifgroup',
  'mark',
  'skuid',
  'skgid',
  'cgroup',
  'pkttype',
  'nftrace',
]);

/** Headers whose fields are `PROTOCOL FIELD`. */
const headers: ReadonlySet<string> = new Set([
  'ip',
  'ip6',
  'tcp',
  'udp',
  'udplite',
  'sctp',
  'dccp',
  'th',
  'icmp',
  'icmpv6',
  'igmp',
  'ether',
  'vlan',
  'arp',
  'ah',
  'esp',
  'comp',
]);

function single(words: Words): Json {
  const first = words.take();
  if (first === 'meta') return { meta: { key: words.take() } };
  if (bareMeta.has(first)) return { meta: { key: first } };
  if (first === 'ct') return connection(words);
  if (first === 'fib') return routing(words);
  if (headers.has(first)) {
    const field = words.take();
    if (!/^[a-z][\w-]*$/.test(field)) throw new NotKnown();
    return { payload: { protocol: first, field } };
  }
  throw new NotKnown();
}

function connection(words: Words): Json {
  const dir = words.next === 'original' || words.next === 'reply' ? words.take() : undefined;
  const family =
    dir !== undefined && (words.next === 'ip' || words.next === 'ip6') ? words.take() : undefined;
  const key = words.take();
  if (!/^[a-z][\w-]*$/.test(key)) throw new NotKnown();
  const named = family === undefined ? key : `${family} ${key}`;
  return { ct: { key: named, ...(dir === undefined ? {} : { dir }) } };
}

/** `fib daddr . iif type`. */
function routing(words: Words): Json {
  const flags = [words.take()];
  while (words.has('.')) flags.push(words.take());
  const said = words.take();
  // Newer tools write of a device that has only to be there `check`.
  const result = said === 'check' ? 'oif' : said;
  if (!['type', 'oif', 'oifname'].includes(result)) throw new NotKnown();
  return { fib: { result, flags: flags.length === 1 ? flags[0] : flags } };
}

/** One value, several flags, or a set. */
function rightSide(words: Words): Json {
  if (words.next === '{') return setOf(words);
  if (words.next.startsWith('@')) return words.take();
  const first = value(words);
  const parts = [first];
  while (words.has('.')) parts.push(value(words));
  return parts.length === 1 ? first : { concat: parts };
}

/** `@name`, or elements in braces: keys, or with a colon keys and what they lead to. */
function setOf(words: Words): Json {
  if (words.next.startsWith('@')) return words.take();
  return { set: elementsJson(words) };
}

function elementsJson(words: Words): readonly Json[] {
  if (!words.has('{')) throw new NotKnown();
  const elements: Json[] = [];
  while (!words.has('}')) {
    if (words.done) throw new NotKnown();
    elements.push(element(words));
    words.has(',');
  }
  return elements;
}

function element(words: Words): Json {
  const parts = [words.has('*') ? '*' : value(words)];
  while (words.has('.')) parts.push(value(words));
  const key = parts.length === 1 ? parts[0] : { concat: parts };
  const extra: Record<string, Json> = {};
  for (;;) {
    if (words.has('timeout')) extra.timeout = words.take();
    else if (words.has('expires')) extra.expires = words.take();
    else if (words.has('comment')) extra.comment = unquoted(words.take());
    else if (words.next === 'counter') extra.counter = counter(words);
    else break;
  }
  const kept = Object.keys(extra).length === 0 ? key : { elem: { val: key, ...extra } };
  if (!words.has(':')) return kept;
  if (plainVerdicts.has(words.next)) return [kept, { [words.take()]: null }];
  if (words.next === 'jump' || words.next === 'goto')
    return [kept, { [words.take()]: { target: words.take() } }];
  const data = [value(words)];
  while (words.has('.')) data.push(value(words));
  return [kept, data.length === 1 ? data[0] : { concat: data }];
}

/** The elements of a named set: `elements = { ... }` without that word. */
export function setElementsJson(given: readonly string[]): readonly Json[] | undefined {
  try {
    return elementsJson(new Words(given));
  } catch (error) {
    if (error instanceof NotKnown) return undefined;
    throw error;
  }
}

const addressText = String.raw`\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]*(?:\d+\.\d+\.\d+\.\d+)?`;
const prefixText = new RegExp(`^(${addressText})/(\\d{1,3})$`);
const rangeText = new RegExp(`^(${addressText}|\\d+)-(${addressText}|\\d+)$`);

/** `172.17.0.0/16`, `1-1024`, `0x7`, `"docker0"`, `established,related`, `exists`. */
function value(words: Words): Json {
  const word = words.take();
  if (word === '' || /^[{}();,:=]$/.test(word)) throw new NotKnown();
  if (word.startsWith('"')) return unquoted(word);
  if (/^0x[0-9a-f]+$/.test(word)) return Number.parseInt(word, 16);
  if (/^\d+$/.test(word)) return Number(word);
  if (word === 'exists' || word === 'missing') return word === 'exists';
  const [, addr, len] = prefixText.exec(word) ?? [];
  if (addr !== undefined) return { prefix: { addr, len: Number(len) } };
  const [, from, to] = rangeText.exec(word) ?? [];
  if (from !== undefined)
    return { range: [from, to].map((end) => (/^\d+$/.test(end ?? '') ? Number(end) : end)) };
  return word.includes(',') ? word.split(',') : word;
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;
}
