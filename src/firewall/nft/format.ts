/**
 * Native rules, elements and heads of chains and sets as nft's own language writes them, without counts (`nft -s list`).
 * In: parts of a table. Out: text for people and for nft(8); what is kept only as JSON is shown as that, which nft does not read.
 */
import { type DataType, typesOf } from './data-type.ts';
import { keptStatementText, updateWord } from './format-kept.ts';
import type {
  Expression,
  NftChain,
  NftHook,
  NftRule,
  NftSet,
  NftTable,
  NftVerdict,
  SetElement,
  SetRef,
  Statement,
} from './model.ts';
import { priorityText } from './priority.ts';

/** `iifname "docker0" tcp dport 80 counter accept comment "x"`. */
export function formatNftRule(rule: NftRule): string {
  const words = rule.statements.map(statementText);
  return [...words, ...(rule.comment === undefined ? [] : [`comment ${quoted(rule.comment)}`])].join(' ');
}

/** `"docker0" : jump filter-forward-in__docker0`, as this set writes it. */
export function formatElement(element: SetElement, { type }: NftSet): string {
  return elementText(element, type[0] === 'ifname');
}

/** `type ifname : verdict` */
export function setTypeText({ type, data }: NftSet): string {
  return `type ${[type, ...(data === undefined ? [] : [data])].map((names) => names.join(' . ')).join(' : ')}`;
}

export function setWord({ data }: NftSet): 'set' | 'map' {
  return data === undefined ? 'set' : 'map';
}

/** `type filter hook forward priority filter; policy accept;` */
export function hookText({ family }: Pick<NftTable, 'family'>, hook: NftHook): string {
  return hookWithPriority(hook, priorityText(family, hook));
}

function hookWithPriority(hook: NftHook, priority: string): string {
  const devices = hook.devices.map(quoted);
  const device =
    devices.length === 0
      ? ''
      : devices.length === 1
        ? ` device ${devices.join('')}`
        : ` devices = { ${devices.join(', ')} }`;
  return `type ${hook.type} hook ${hook.hook}${device} priority ${priority}; policy ${hook.policy};`;
}

/** `filter-FORWARD { type filter ... priority 0; ... }`: a chain as every `nft add chain` takes it; names of priorities vary. */
export function chainText({ name, base }: NftChain): string {
  return base === undefined ? name : `${name} { ${hookWithPriority(base, `${base.priority}`)} }`;
}

function quoted(text: string): string {
  return `"${text}"`;
}

function statementText(statement: Statement): string {
  switch (statement.kind) {
    case 'match': {
      const { operator, left, right } = statement;
      const relation = operator === 'in' || (operator === '==' && !writesEquals(left)) ? [] : [operator];
      return [expressionText(left), ...relation, rightText(left, right)].join(' ');
    }
    case 'verdict':
      return verdictText(statement.verdict);
    case 'vmap':
      return `${expressionText(statement.key)} vmap ${setText(statement.map, isDevice(statement.key))}`;
    case 'nat':
      return natText(statement);
    case 'reject': {
      const { type, code } = statement;
      return type === undefined || (type === 'icmpx' && code === undefined)
        ? 'reject'
        : ['reject with', type, ...(code === undefined ? [] : [code])].join(' ');
    }
    case 'mangle': {
      const { key, value } = statement;
      return `${expressionText(key)} set ${rightText(key, value)}`;
    }
    case 'notrack':
      return 'notrack';
    case 'observe':
      return keptStatementText(statement.name, statement.json) ?? statement.name;
    case 'named':
      return `${statement.object} name "${statement.name}"`;
    case 'limit':
    case 'quota':
      return keptStatementText(statement.kind, statement.json) ?? statement.json;
    case 'update':
      return updateText(statement);
    case 'unknown':
      return keptStatementText(statement.name, statement.json) ?? statement.json;
  }
}

function verdictText(verdict: NftVerdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

/** `add @seen { ip saddr limit rate 3/minute }`; what a map maps to, and timeouts, are left to the JSON. */
function updateText({ word, set, key, statements, json }: Extract<Statement, { kind: 'update' }>): string {
  const op = updateWord(word, json);
  if (op === undefined || word !== 'set' || json.includes('"timeout"')) return json;
  return `${op} @${set} { ${[expressionText(key), ...statements.map(statementText)].join(' ')} }`;
}

function natText(statement: Extract<Statement, { kind: 'nat' }>): string {
  const flags = statement.flags ?? [];
  return [natTargetText(statement), ...(flags.length === 0 ? [] : [flags.join(',')])].join(' ');
}

function natTargetText({
  nat,
  family,
  address,
  port,
  typeFlags,
}: Extract<Statement, { kind: 'nat' }>): string {
  if (address === undefined && port === undefined) return nat;
  const to = address === undefined ? '' : expressionText(address);
  const host = port !== undefined && to.includes(':') && address?.kind === 'literal' ? `[${to}]` : to;
  const service = port === undefined ? '' : `:${expressionText(port)}`;
  const prefix = typeFlags?.includes('prefix') === true ? ['prefix'] : [];
  return [nat, ...(family === undefined ? [] : [family]), ...prefix, 'to', `${host}${service}`].join(' ');
}

function isDevice(expression: Expression): boolean {
  return typesOf(expression)[0] === 'device';
}

const bitmasks: ReadonlySet<DataType | undefined> = new Set(['ct state', 'ct status', 'tcp flags']);

/** Elsewhere nft leaves `==` out; with a bit mask that would mean `in` (must_print_eq_op, src/expression.c). */
function writesEquals(left: Expression): boolean {
  return left.kind === 'bits' || bitmasks.has(typesOf(left)[0]);
}

function isMark(expression: Expression): boolean {
  switch (expression.kind) {
    case 'meta':
    case 'ct':
      return expression.key === 'mark';
    case 'bits':
      return expression.operands.some(isMark);
    default:
      return false;
  }
}

/** nft writes marks with all their digits. */
function markText(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

function rightText(left: Expression, right: Expression): string {
  if (right.kind === 'literal' && typeof right.value === 'boolean') return right.value ? 'exists' : 'missing';
  if (right.kind === 'literal' && typeof right.value === 'number' && isMark(left))
    return markText(right.value);
  return expressionText(right, isDevice(left));
}

/** Keys of `meta` that nft writes without that word. */
const bareMeta: ReadonlySet<string> = new Set(['iif', 'oif', 'iifname', 'oifname', 'skuid', 'skgid']);

function expressionText(expression: Expression, device = false): string {
  switch (expression.kind) {
    case 'literal':
      return device ? quoted(String(expression.value)) : String(expression.value);
    case 'meta':
      return bareMeta.has(expression.key) ? expression.key : `meta ${expression.key}`;
    case 'payload':
      return `${expression.protocol} ${expression.field}`;
    case 'raw':
      return `@${expression.base},${expression.offset},${expression.bits}`;
    case 'header':
      // Of IPv6 headers nft writes the name alone where a field follows.
      return [
        ...(expression.header === 'exthdr' && expression.field !== undefined ? [] : [expression.header]),
        expression.name,
        ...(expression.field === undefined ? [] : [expression.field]),
      ].join(' ');
    case 'ct': {
      const { key, direction, family } = expression;
      return ['ct', direction, family, key].filter((word) => word !== undefined).join(' ');
    }
    case 'fib':
      return `fib ${expression.flags.join(' . ')} ${expression.result}`;
    case 'bits': {
      const mark = isMark(expression);
      const operand = (o: Expression) =>
        mark && o.kind === 'literal' && typeof o.value === 'number' ? markText(o.value) : expressionText(o);
      return expression.operands
        .map(operand)
        .join(expression.operator === '|' ? '|' : ` ${expression.operator} `);
    }
    case 'concat':
      return expression.parts.map((part) => expressionText(part)).join(' . ');
    case 'flags':
      return expression.flags.map((flag) => expressionText(flag)).join(',');
    case 'range':
      return `${expressionText(expression.from)}-${expressionText(expression.to)}`;
    case 'prefix':
      return `${expressionText(expression.address)}/${expression.bits}`;
    case 'set':
      return setText(expression.set, device);
    case 'map':
      return `${expressionText(expression.key)} map ${setText(expression.map, isDevice(expression.key))}`;
    case 'any':
      return '*';
    case 'unknown':
      return expression.json;
  }
}

function setText(ref: SetRef, device: boolean): string {
  if ('name' in ref) return `@${ref.name}`;
  return `{ ${ref.elements.map((element) => elementText(element, device)).join(', ')} }`;
}

function elementText({ key, data, verdict }: SetElement, device: boolean): string {
  const left = expressionText(key, device);
  if (verdict !== undefined) return `${left} : ${verdictText(verdict)}`;
  return data === undefined ? left : `${left} : ${expressionText(data)}`;
}
