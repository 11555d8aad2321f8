/**
 * Effective options for people and for programs. In: what `resolveOptions` found. Out: an aligned table with the
 * warnings below it, the refusal of a daemon that would not start, or JSON. It decides nothing.
 */
import { hasOption } from '../options/flags.ts';
import type { OptionName } from '../options/options.ts';
import { type ConfigProblem, describeOrigin } from '../options/problem.ts';
import type { Resolution } from '../options/resolve.ts';
import { optionNames, optionTable } from '../options/table.ts';

export interface Shown {
  readonly resolution: Resolution;
  /** Path of daemon.json; undefined: there is none. */
  readonly file: string | undefined;
  /** The engine was not named: the newest known was taken. */
  readonly assumedEngine: boolean;
}

/** One row per option: all that the engine has, or those that something set. */
export function configText(shown: Shown, which: 'all' | 'changed'): string {
  const { options, warnings } = shown.resolution;
  const rows = optionNames
    .filter((name) => hasOption(name, options.engine))
    .filter((name) => which === 'all' || options.settings[name].origin.kind !== 'default')
    .map((name) => [
      name,
      showValue(options.settings[name].value),
      describeOrigin(options.settings[name].origin),
    ]);
  const environment = Object.entries(options.env).map(([name, value]) => [name, value, 'environment']);
  const paragraphs = [
    [heading(shown)],
    rows.length + environment.length === 0
      ? ['All networking options have their defaults (--all shows them).']
      : aligned([['OPTION', 'VALUE', 'ORIGIN'], ...rows, ...environment]),
    ...warnings.map(warningLines),
  ];
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** dockerd's reason, where, and what to do. A mistake in the arguments themselves is one line, as dockerd's is. */
export function refusalText({ resolution }: Shown): string {
  const [first, ...more] = resolution.errors;
  if (first === undefined) return '';
  const reason = `bridgekeeper: dockerd ${resolution.options.engine} refuses to start: ${first.message}`;
  if (first.code.startsWith('flag-') || first.code === 'argument-unexpected') return `${reason}\n`;
  const lines = [
    reason,
    ...placeLines(first),
    `  fix  ${first.remedy}`,
    ...(more.length === 0 ? [] : [`  then ${more.map(({ message }) => message).join('; ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** `settings` holds every option that the engine has. */
export function configAsJson({ resolution, file, assumedEngine }: Shown): object {
  const { options, errors, warnings } = resolution;
  const known = optionNames.filter((name) => hasOption(name, options.engine));
  const setting = (name: OptionName): object => ({
    ...options.settings[name],
    scope: optionTable[name].scope,
  });
  return {
    schema: 'bridgekeeper.config/1',
    engine: options.engine,
    assumedEngine,
    configFile: file ?? null,
    starts: errors.length === 0,
    settings: Object.fromEntries(known.map((name) => [name, setting(name)])),
    env: options.env,
    errors,
    warnings,
  };
}

function heading({ resolution, file, assumedEngine }: Shown): string {
  const engine = `Engine ${resolution.options.engine}${assumedEngine ? ' (the newest known; --engine names another)' : ''}`;
  return `${engine}, ${file ?? 'no daemon.json'}`;
}

function warningLines(warning: ConfigProblem): string[] {
  return [`warning: ${warning.message}`, ...placeLines(warning), `  fix  ${warning.remedy}`];
}

function placeLines({ at, others }: ConfigProblem): string[] {
  const origins = at === undefined ? others : [at, ...others];
  return origins.length === 0 ? [] : [`  at   ${origins.map(describeOrigin).join(', ')}`];
}

function showValue(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}
