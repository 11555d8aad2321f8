/**
 * Native tables as JSON values, in the shape of `nft -j list ruleset` (libnftables-json(5)), without handles and counts unless asked.
 * In: tables. Out: what `parse.ts` reads back to the same tables. What was kept without a meaning comes out as it was.
 */

import type { Reason } from '../../net/reason.ts';
import { setWord } from './format.ts';
import { keptValue } from './kept.ts';
import type { Expression, Kept, NftTable, NftVerdict, SetElement, SetRef, Statement } from './model.ts';

export interface NftJsonOptions {
  /** Reasons as a member `reason`, which nft(8) does not know. */
  readonly reasons?: boolean;
  /** As a listing has it: with handles and counts. */
  readonly listing?: boolean;
}

/** `{"nftables": [...]}`: for each table itself, its chains, sets, maps and other objects, then its rules. */
export function nftJson(
  tables: readonly NftTable[],
  options: NftJsonOptions = {},
): { readonly nftables: readonly object[] } {
  const objects = tables.flatMap((table) => tableObjects(table, options));
  return { nftables: [{ metainfo: { json_schema_version: 1 } }, ...objects] };
}

function tableObjects(table: NftTable, options: NftJsonOptions): readonly object[] {
  const { reasons = false, listing = false } = options;
  const at = { family: table.family, table: table.name };
  const why = (reason: Reason | undefined) => (reasons && reason !== undefined ? { reason } : {});
  const handleOf = ({ handle }: { readonly handle?: number | undefined }) =>
    listing && handle !== undefined ? { handle } : {};
  const keptOf = ({ kept }: { readonly kept?: Kept }) => {
    const { handle, ...rest } = kept ?? {};
    return listing && handle !== undefined ? { handle, ...rest } : rest;
  };
  const owned = table.owned === true ? { flags: ['owner'] } : {};
  return [
    {
      table: {
        family: table.family,
        name: table.name,
        ...handleOf(table),
        ...owned,
        ...table.kept,
        ...why(table.reason),
      },
    },
    ...table.chains.map((chain) => {
      const { name, base, reason } = chain;
      const hook =
        base === undefined
          ? {}
          : {
              type: base.type,
              hook: base.hook,
              prio: base.priority,
              policy: base.policy,
              ...(base.devices.length === 0 ? {} : { dev: oneOrAll(base.devices) }),
            };
      return { chain: { ...at, name, ...handleOf(chain), ...hook, ...chain.kept, ...why(reason) } };
    }),
    ...table.sets.map((set) => ({
      [setWord(set)]: {
        ...at,
        name: set.name,
        ...(set.type.length === 0 ? {} : { type: oneOrAll(set.type) }),
        ...(set.data === undefined || set.data.length === 0 ? {} : { map: oneOrAll(set.data) }),
        ...(set.dynamic && set.kept?.timeout === undefined ? { flags: ['dynamic'] } : {}),
        ...keptOf(set),
        ...(set.elements.length === 0 ? {} : { elem: set.elements.map(elementJson) }),
        ...why(set.reason),
      },
    })),
    ...(table.objects ?? []).map((object) => ({
      [object.kind]: { ...at, name: object.name, ...keptOf({ kept: object.body }) },
    })),
    ...table.chains.flatMap((chain) =>
      chain.rules.map((rule) => ({
        rule: {
          ...at,
          chain: chain.name,
          ...handleOf(rule),
          ...(rule.comment === undefined ? {} : { comment: rule.comment }),
          expr: rule.statements.map((statement) => statementJson(statement, listing)),
          ...rule.kept,
          ...why(rule.reason),
        },
      })),
    ),
  ];
}

function oneOrAll(names: readonly string[]): unknown {
  return names.length === 1 ? names[0] : names;
}

function elementJson({ key, data, verdict, kept }: SetElement): unknown {
  const left = kept === undefined ? expressionJson(key) : { elem: { val: expressionJson(key), ...kept } };
  if (verdict !== undefined) return [left, verdictJson(verdict)];
  return data === undefined ? left : [left, expressionJson(data)];
}

function verdictJson(verdict: NftVerdict): object {
  return { [verdict.kind]: 'chain' in verdict ? { target: verdict.chain } : null };
}

function statementJson(statement: Statement, counts: boolean): unknown {
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
      const { nat, family, address, port, flags, typeFlags } = statement;
      const to = {
        ...(family === undefined ? {} : { family }),
        ...(address === undefined ? {} : { addr: expressionJson(address) }),
        ...(port === undefined ? {} : { port: expressionJson(port) }),
        ...(flags === undefined ? {} : { flags: oneOrAll(flags) }),
        ...(typeFlags === undefined ? {} : { type_flags: oneOrAll(typeFlags) }),
      };
      return { [nat]: Object.keys(to).length === 0 ? null : to };
    }
    case 'reject': {
      const { type, code } = statement;
      if (type === undefined && code === undefined) return { reject: null };
      return {
        reject: { ...(type === undefined ? {} : { type }), ...(code === undefined ? {} : { expr: code }) },
      };
    }
    case 'mangle':
      return { mangle: { key: expressionJson(statement.key), value: expressionJson(statement.value) } };
    case 'notrack':
      return { notrack: null };
    case 'observe':
      // A counter by name is a string; one of the rule's own counts.
      return statement.name === 'counter' && !counts && !statement.json.includes('"counter":"')
        ? { counter: null }
        : keptValue(statement.json);
    case 'named':
      return { [statement.object]: statement.name };
    case 'limit':
    case 'quota':
    case 'update':
    case 'unknown':
      return keptValue(statement.json);
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
    case 'raw':
      return { payload: { base: expression.base, offset: expression.offset, len: expression.bits } };
    case 'header': {
      const { header, name, field, kept } = expression;
      return { [header]: { name, ...(field === undefined ? {} : { field }), ...kept } };
    }
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
      return keptValue(expression.json);
  }
}

function setRefJson(ref: SetRef): unknown {
  return 'name' in ref ? `@${ref.name}` : { set: ref.elements.map(elementJson) };
}
