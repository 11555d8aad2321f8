/**
 * Native tables as JSON values, in the shape of `nft -j list ruleset` (libnftables-json(5)), without handles and counts.
 * In: tables. Out: what `parse.ts` reads back to the same tables. JSON that was cut when it was read stays cut, as a string.
 */

import type { Reason } from '../../net/reason.ts';
import { setWord } from './format.ts';
import type { Expression, NftTable, NftVerdict, SetElement, SetRef, Statement } from './model.ts';

export interface NftJsonOptions {
  /** Reasons as a member `reason`, which nft(8) does not know. */
  readonly reasons: boolean;
}

/** `{"nftables": [...]}`: for each table itself, its chains, sets and maps, then its rules. */
export function nftJson(
  tables: readonly NftTable[],
  options: NftJsonOptions = { reasons: false },
): { readonly nftables: readonly object[] } {
  const objects = tables.flatMap((table) => tableObjects(table, options));
  return { nftables: [{ metainfo: { json_schema_version: 1 } }, ...objects] };
}

function tableObjects(table: NftTable, { reasons }: NftJsonOptions): readonly object[] {
  const at = { family: table.family, table: table.name };
  const why = (reason: Reason | undefined) => (reasons && reason !== undefined ? { reason } : {});
  const owned = table.owned === true ? { flags: ['owner'] } : {};
  return [
    { table: { family: table.family, name: table.name, ...owned, ...why(table.reason) } },
    ...table.chains.map(({ name, base, reason }) => {
      const hook =
        base === undefined
          ? {}
          : {
              type: base.type,
              hook: base.hook,
              prio: base.priority,
              policy: base.policy,
              ...(base.devices.length === 0 ? {} : { dev: base.devices }),
            };
      return { chain: { ...at, name, ...hook, ...why(reason) } };
    }),
    ...table.sets.map((set) => ({
      [setWord(set)]: {
        ...at,
        name: set.name,
        type: oneOrAll(set.type),
        ...(set.data === undefined ? {} : { map: oneOrAll(set.data) }),
        ...(set.dynamic ? { flags: ['dynamic'] } : {}),
        ...(set.elements.length === 0 ? {} : { elem: set.elements.map(elementJson) }),
        ...why(set.reason),
      },
    })),
    ...table.chains.flatMap((chain) =>
      chain.rules.map(({ comment, statements, reason }) => ({
        rule: {
          ...at,
          chain: chain.name,
          ...(comment === undefined ? {} : { comment }),
          expr: statements.map(statementJson),
          ...why(reason),
        },
      })),
    ),
  ];
}

function oneOrAll(names: readonly string[]): unknown {
  return names.length === 1 ? names[0] : names;
}

function elementJson({ key, data, verdict }: SetElement): unknown {
  if (verdict !== undefined) return [expressionJson(key), verdictJson(verdict)];
  return data === undefined ? expressionJson(key) : [expressionJson(key), expressionJson(data)];
}

function verdictJson(verdict: NftVerdict): object {
  return { [verdict.kind]: 'chain' in verdict ? { target: verdict.chain } : null };
}

function statementJson(statement: Statement): unknown {
  switch (statement.kind) {
    case 'match': {
      const { operator: op, left, right } = statement;
      return { match: { op, left: expressionJson(left), right: expressionJson(right) } };
    }
    case 'verdict':
      return verdictJson(statement.verdict);
    case 'vmap':
      return { vmap: { key: expressionJson(statement.key), data: setRefJson(statement.map) } };
    case 'nat': {
      const { nat, family, address, port } = statement;
      const to = {
        ...(family === undefined ? {} : { family }),
        ...(address === undefined ? {} : { addr: expressionJson(address) }),
        ...(port === undefined ? {} : { port: expressionJson(port) }),
      };
      return { [nat]: Object.keys(to).length === 0 ? null : to };
    }
    case 'reject': {
      const { type, code } = statement;
      return { reject: { type, ...(code === undefined ? {} : { expr: code }) } };
    }
    case 'mangle': {
      const { key, value } = statement;
      const left =
        key.kind === 'tcp option' ? { 'tcp option': { name: key.name, field: 'size' } } : expressionJson(key);
      return { mangle: { key: left, value: expressionJson(value) } };
    }
    case 'notrack':
      return { notrack: null };
    case 'observe':
      // A counter by name is a string; one of the rule's own counts.
      return statement.name === 'counter' && !statement.json.includes('"counter":"')
        ? { counter: null }
        : keptJson(statement.json);
    case 'limit':
      return keptJson(statement.json);
    case 'unknown':
      return { [statement.name]: keptJson(statement.json) };
  }
}

function expressionJson(expression: Expression): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'meta':
      return { meta: { key: expression.key } };
    case 'payload':
      return { payload: { protocol: expression.protocol, field: expression.field } };
    case 'ct': {
      const { key, direction: dir, family } = expression;
      return {
        ct: { key, ...(dir === undefined ? {} : { dir }), ...(family === undefined ? {} : { family }) },
      };
    }
    case 'fib':
      return { fib: { result: expression.result, flags: expression.flags } };
    case 'bits':
      return { [expression.operator]: expression.operands.map(expressionJson) };
    case 'concat':
      return { concat: expression.parts.map(expressionJson) };
    case 'flags':
      return expression.flags.map(expressionJson);
    case 'range':
      return { range: [expressionJson(expression.from), expressionJson(expression.to)] };
    case 'prefix':
      return { prefix: { addr: expressionJson(expression.address), len: expression.bits } };
    case 'set':
      return setRefJson(expression.set);
    case 'map':
      return { map: { key: expressionJson(expression.key), data: setRefJson(expression.map) } };
    case 'any':
      return '*';
    case 'unknown':
      return keptJson(expression.json);
  }
}

function setRefJson(ref: SetRef): unknown {
  return 'name' in ref ? `@${ref.name}` : { set: ref.elements.map(elementJson) };
}

function keptJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
