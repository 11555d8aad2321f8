/**
 * Native rules as nft's own language writes them. In: a rule, statement or expression. Out: text to be read by people;
 * counters and what is kept only as JSON are shortened, so it is not meant to be read back.
 */
import { typesOf } from './data-type.ts';
import type { Expression, NftRule, NftVerdict, SetElement, SetRef, Statement } from './model.ts';

/** `iifname "docker0" tcp dport 80 counter accept comment "x"`. */
export function formatNftRule(rule: NftRule): string {
  const words = rule.statements.map(statementText);
  return [...words, ...(rule.comment === undefined ? [] : [`comment ${quoted(rule.comment)}`])].join(' ');
}

function quoted(text: string): string {
  return `"${text}"`;
}

function statementText(statement: Statement): string {
  switch (statement.kind) {
    case 'match': {
      const { operator, left, right } = statement;
      const relation = operator === '==' || operator === 'in' ? [] : [operator];
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
      return type === 'icmpx' && code === undefined
        ? 'reject'
        : ['reject with', type, ...(code === undefined ? [] : [code])].join(' ');
    }
    case 'mangle': {
      const { key, value } = statement;
      const what = key.kind === 'tcp option' ? `tcp option ${key.name} size` : expressionText(key);
      return `${what} set ${expressionText(value)}`;
    }
    case 'notrack':
      return 'notrack';
    case 'observe':
      return statement.name;
    case 'limit':
    case 'unknown':
      return statement.json;
  }
}

function verdictText(verdict: NftVerdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

function natText({ nat, family, address, port }: Extract<Statement, { kind: 'nat' }>): string {
  if (address === undefined && port === undefined) return nat;
  const to = address === undefined ? '' : expressionText(address);
  const host = to.includes(':') && address?.kind === 'literal' ? `[${to}]` : to;
  const service = port === undefined ? '' : `:${expressionText(port)}`;
  return [nat, ...(family === undefined ? [] : [family]), 'to', `${host}${service}`].join(' ');
}

function isDevice(expression: Expression): boolean {
  return typesOf(expression)[0] === 'device';
}

function rightText(left: Expression, right: Expression): string {
  if (right.kind === 'literal' && typeof right.value === 'boolean') return right.value ? 'exists' : 'missing';
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
    case 'ct': {
      const { key, direction, family } = expression;
      return ['ct', direction, family, key].filter((word) => word !== undefined).join(' ');
    }
    case 'fib':
      return `fib ${expression.flags.join(' . ')} ${expression.result}`;
    case 'bits':
      return expression.operands
        .map((o) => expressionText(o))
        .join(expression.operator === '|' ? '|' : ` ${expression.operator} `);
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
