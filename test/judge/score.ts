/**
 * The judge: how much of a corpus the program gets right. In: a folder of captures, `<version>/<scenario>.tar.gz`.
 * Out: a table per version and in all, and every disagreement. It asserts nothing: the figures are what they are.
 * Usage: node test/judge/score.ts FOLDER [--only VERSION[/SCENARIO]] [--quiet] [--json FILE]
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readBundle } from '../../src/bundle/read.ts';
import type { Facts } from '../../src/host/facts.ts';
import { healthyFlows } from './capture.ts';
import { judgeCauses } from './causes.ts';
import { judgeDrift } from './drift.ts';
import { judgeHistory } from './history.ts';
import { judgeReplay } from './replay.ts';
import { judgeFirewalld, judgeRecognition, judgeRules, judgeSandboxes } from './rules.ts';
import { judgeStore } from './store.ts';
import { judgeWalks } from './walks.ts';

interface Count {
  right: number;
  of: number;
}

const columns = [
  'rules IPv4',
  'rules IPv6',
  'plan from the store',
  'rules after stop',
  'rules after restart',
  'no drift',
  'healed',
  'rules in containers',
  'firewalld zones',
  'generation by rules',
  'replay of the log',
  'outcome class',
  'outcome exact',
  'seenAs',
  'deliveredTo',
  'answer to a name',
  'unknown where decided',
  'first finding',
  'repair heals',
  'first finding, asked',
  'repair heals, asked',
  'healthy is healthy',
] as const;
type Column = (typeof columns)[number];
type Score = Record<Column, Count>;

function emptyScore(): Score {
  return Object.fromEntries(columns.map((c) => [c, { right: 0, of: 0 }])) as Score;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, quiet: { type: 'boolean' }, json: { type: 'string' } },
});
const root = positionals[0];
if (root === undefined) {
  console.error('usage: npm run score -- FOLDER [--only VERSION[/SCENARIO]] [--quiet] [--json FILE]');
  process.exit(2);
}
const [onlyVersion, onlyScenario] = (values.only ?? '').split('/');

const scores = new Map<string, Score>();
const disagreements: string[] = [];
const started = performance.now();
let captures = 0;
for (const version of readdirSync(root, { withFileTypes: true })) {
  if (!version.isDirectory() || (onlyVersion && version.name !== onlyVersion)) continue;
  const score = emptyScore();
  scores.set(version.name, score);
  const healthy = await healthyFlows(join(root, version.name, 'default.tar.gz'));
  for (const file of readdirSync(join(root, version.name)).toSorted()) {
    const scenario = file.replace(/\.tar\.gz$/, '');
    if (scenario === file || (onlyScenario && scenario !== onlyScenario)) continue;
    captures += 1;
    const name = `${version.name}/${scenario}`;
    try {
      const facts = await readBundle(join(root, version.name, file), { oracle: true });
      judge(name, facts, score, healthy);
    } catch (error) {
      disagreements.push(
        `${name}: could not be judged: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
print();

function judge(name: string, facts: Facts, score: Score, healthy: ReadonlySet<string>): void {
  const count = (column: Column, right: boolean, otherwise: string): void => {
    score[column].of += 1;
    if (right) score[column].right += 1;
    else if (otherwise !== '') disagreements.push(`${name}: ${otherwise}`);
  };
  for (const verdict of judgeRules(facts) ?? []) {
    const column = verdict.family === 'ipv4' ? 'rules IPv4' : 'rules IPv6';
    count(column, verdict.agree, `${column}: ${verdict.differences.join(' | ')}`);
  }
  const store = judgeStore(facts);
  if (store !== undefined)
    count('plan from the store', store.length === 0, `plan from the store: ${store.join(' | ')}`);
  for (const { what, agree, differences } of judgeHistory(facts)) {
    const column = `rules after ${what}` as const;
    count(column, agree, `${column}: ${differences.join(' | ')}`);
  }
  const drift = judgeDrift(facts);
  if (drift?.found !== undefined)
    count('no drift', drift.found.length === 0, `drift where nothing was broken: ${drift.found.join(' | ')}`);
  if (drift !== undefined) count('healed', drift.left.length === 0, `not healed: ${drift.left.join(' | ')}`);
  for (const verdict of judgeSandboxes(facts))
    count(
      'rules in containers',
      verdict.agree,
      `rules in ${verdict.name}: ${verdict.differences.join(' | ')}`,
    );
  const firewalld = judgeFirewalld(facts);
  if (firewalld !== undefined) count('firewalld zones', firewalld.agree, `firewalld: ${firewalld.said}`);
  const recognition = judgeRecognition(facts);
  if (recognition !== undefined)
    count('generation by rules', recognition.right, `generation by rules: ${recognition.said}`);
  for (const { family, agree, differences } of judgeReplay(facts) ?? []) {
    count('replay of the log', agree, `replay ${family}: ${differences.join(' | ')}`);
  }
  for (const { probe, trace, ...verdict } of judgeWalks(facts)) {
    const port = probe.port === undefined ? '' : `:${probe.port}`;
    const flow = `#${probe.id} ${probe.frm} ${probe.kind} ${probe.dst}${port} (${probe.name})`;
    const why = trace.outcome === 'unknown' ? ` [${trace.unknowns.map((u) => u.fact).join('; ')}]` : '';
    const wrong = `${flow}: was ${probe.outcome.result}, walked ${trace.outcome}${why}`;
    count('outcome class', verdict.sameClass, wrong);
    count('outcome exact', verdict.exact, '');
    count('unknown where decided', trace.outcome !== 'unknown', '');
    if (verdict.seenAs !== undefined) {
      count(
        'seenAs',
        verdict.seenAs,
        verdict.sameClass ? `${flow}: seen as ${probe.outcome.src}, walked otherwise` : '',
      );
    }
    if (verdict.answer !== undefined)
      count('answer to a name', verdict.answer, `${flow}: answer ${probe.outcome.answer}, walked otherwise`);
    if (verdict.deliveredTo !== undefined) {
      const place = `${probe.outcome.srv} ${probe.outcome.at}`;
      count(
        'deliveredTo',
        verdict.deliveredTo,
        verdict.sameClass ? `${flow}: delivered to ${place}, walked otherwise` : '',
      );
    }
  }
  const cause = judgeCauses(facts, healthy);
  if (cause === undefined) return;
  if (cause.kind === 'healthy') {
    count('healthy is healthy', cause.right, `healthy, but the doctor says ${cause.said}`);
    return;
  }
  count(
    'first finding',
    cause.right,
    `first finding ${cause.said}, right would be ${cause.wanted.join(' or ')}`,
  );
  const all = cause.right && cause.healed === cause.broken;
  count(
    'repair heals',
    all,
    cause.right ? `${cause.said}: its repair heals ${cause.healed} of ${cause.broken} broken flows` : '',
  );
  const { asked } = cause;
  if (asked === undefined) return;
  count(
    'first finding, asked',
    asked.right,
    `asked for its flows: first finding ${asked.said}, right would be ${cause.wanted.join(' or ')}`,
  );
  count(
    'repair heals, asked',
    asked.right && asked.healed === cause.broken,
    asked.right
      ? `asked for its flows: ${asked.said}: its repair heals ${asked.healed} of ${cause.broken} broken flows`
      : '',
  );
}

function print(): void {
  const total = emptyScore();
  for (const score of scores.values()) {
    for (const column of columns) {
      total[column].right += score[column].right;
      total[column].of += score[column].of;
    }
  }
  if (values.quiet !== true) for (const line of disagreements) console.log(line);
  const versions = [...scores.keys(), 'all'];
  const width = Math.max(...versions.map((v) => v.length), 14) + 2;
  console.log(`\n${''.padEnd(24)}${versions.map((v) => v.padStart(width)).join('')}`);
  for (const column of columns) {
    const cells = [...scores.values(), total].map((s) =>
      `${s[column].right}/${s[column].of}`.padStart(width),
    );
    console.log(`${column.padEnd(24)}${cells.join('')}`);
  }
  const percent = columns.map(
    (c) => `${c} ${((100 * total[c].right) / Math.max(1, total[c].of)).toFixed(2)} %`,
  );
  console.log(`\n${percent.join(', ')}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${captures} captures, ${disagreements.length} disagreements, ${seconds} s`);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      JSON.stringify({ scores: Object.fromEntries(scores), total, disagreements }, null, 1),
    );
  }
}
