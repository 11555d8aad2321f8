/**
 * Prints a Rule: as iptables-save text, or as an argument array for the iptables command.
 * In: a Rule. Out: text without `-A CHAIN`, or arguments. It changes no value and no order of matches.
 */
import { formatPrefix } from '../net/prefix.ts';
import { type ModuleSpec, matchSpec, type OptionSpec, targetSpec } from './modules.ts';
import type { Negatable, Rule, RuleOption } from './ruleset.ts';

/** One argument and how iptables-save would quote it. */
interface Word {
  readonly text: string;
  readonly quoting: OptionSpec['quoting'];
}

const plainText = /^[A-Za-z0-9_-]+$/;
const needsQuotes = /[\s"'\\]/;

function word(text: string): Word {
  return { text, quoting: 'word' };
}

/** Quoting of libxtables: `xtables_save_string` for texts; string, u32 and bpf always quote. */
function quote({ text, quoting }: Word): string {
  switch (quoting) {
    case 'quoted':
      return `"${text.replace(/["\\]/g, '\\$&')}"`;
    case 'text':
      return plainText.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
    case 'word':
      return text !== '' && !needsQuotes.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
    default: {
      const impossible: never = quoting;
      return impossible;
    }
  }
}

function pushBase(words: Word[], flag: string, value: Negatable<unknown> | undefined, text?: string): void {
  if (value === undefined) return;
  if (value.not) words.push(word('!'));
  words.push(word(flag));
  if (text !== undefined) words.push(word(text));
}

function pushOptions(words: Word[], options: readonly RuleOption[], spec: ModuleSpec | undefined): void {
  for (const option of options) {
    if (option.not) words.push(word('!'));
    words.push(word(option.name));
    const quoting = spec?.bySpelling.get(option.name)?.quoting ?? 'word';
    for (const value of option.values) words.push({ text: value, quoting });
  }
}

function addressText(value: Rule['source']): string | undefined {
  if (value === undefined) return undefined;
  return typeof value.value === 'string' ? value.value : formatPrefix(value.value);
}

function words(rule: Rule): Word[] {
  const out: Word[] = [];
  pushBase(out, '-s', rule.source, addressText(rule.source));
  pushBase(out, '-d', rule.destination, addressText(rule.destination));
  pushBase(out, '-i', rule.inInterface, rule.inInterface?.value);
  pushBase(out, '-o', rule.outInterface, rule.outInterface?.value);
  pushBase(out, '-p', rule.protocol, rule.protocol?.value);
  pushBase(out, '-f', rule.fragment);
  for (const match of rule.matches) {
    out.push(word('-m'), word(match.module));
    pushOptions(out, match.options, matchSpec(match.module));
  }
  if (rule.target !== undefined) {
    out.push(word(rule.target.kind === 'goto' ? '-g' : '-j'), word(rule.target.name));
    pushOptions(out, rule.target.options, targetSpec(rule.target.name));
  }
  return out;
}

/** The rule as iptables-save prints it after `-A CHAIN`; empty for a rule without conditions and target. */
export function formatRule(rule: Rule): string {
  return words(rule).map(quote).join(' ');
}

/** The rule as arguments for `iptables -A CHAIN ...`: no quoting, one array element per argument. */
export function ruleToArgs(rule: Rule): string[] {
  return words(rule).map((w) => w.text);
}
