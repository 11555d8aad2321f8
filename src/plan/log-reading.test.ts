import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { logEntry, writeStart } from '../../test/support/dockerd-log.ts';
import { planOf, rulesOf, severalNetworks, webHosts } from '../../test/support/plan.ts';
import { formatRule } from '../firewall/args.ts';
import { emptyRuleset } from '../firewall/ruleset.ts';
import { readEvents } from '../replay/events.ts';
import {
  differenceOfLog,
  isDifferent,
  type LogDifference,
  rulesOfLog,
  rulesOfPlan,
} from './log-difference.ts';
import { nativeLinesOfPlan } from './log-native.ts';
import { readingOf } from './log-reading.ts';

/** The two logs of the incident, as a page shows them that lost their line breaks, quotes and double hyphens. */
const page = (name: string) =>
  readingOf(readEvents(readFileSync(new URL(`../../test/logs/${name}.txt`, import.meta.url), 'utf8')));
const off = page('ip-masq-false');
const on = page('ip-masq-true');

const engines = ['17.06.2-ce', '20.10.24', '26.1.5', '28.5.2', '29.7.2'];
const turned = (settings: typeof off.settings) =>
  settings.filter(({ isDefault }) => !isDefault).map(({ option, value }) => `${option}=${value}`);
const rulesIn = ({ rules }: LogDifference, kind: 'missing' | 'extra') =>
  rules
    .filter((rule) => rule.kind === kind && !rule.ofRequest)
    .map(({ at }) => `${at.key.table} -A ${at.chain} ${formatRule(at.rule)}`);

/** The log of an engine that starts twice, or of its second start alone. */
function twoStarts(engine: string, config: string, several = false) {
  const spec = several ? severalNetworks(engine) : webHosts(engine)();
  const { operations } = planOf({ ...spec, config });
  const first = writeStart(engine, operations, emptyRuleset);
  const second = writeStart(engine, operations, first.ruleset);
  return { both: first.text + second.text, last: second.text, ruleset: second.ruleset };
}

describe("the incident's logs", () => {
  it('are of one engine, one with live restore', () => {
    expect([off, on].map(({ engine }) => engine)).toEqual([
      { version: '17.06.2-ce', from: 'log' },
      { version: '17.06.2-ce', from: 'log' },
    ]);
    expect([off, on].map(({ starts }) => starts.map((start) => start.liveRestore))).toEqual([
      [true],
      [false],
    ]);
    expect(off.commands).toMatchObject({ host: 40, unreadable: 0 });
  });

  it('show the setting, though it is nowhere in them', () => {
    expect([off, on].map(({ settings }) => turned(settings))).toEqual([['ip-masq=false'], []]);
  });

  it('differ in the rule of ip-masq', () => {
    const difference = differenceOfLog(rulesOfLog(on), off);
    expect(rulesIn(difference, 'missing')).toContain(
      'nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    );
    expect(rulesIn(difference, 'extra')).toEqual([]);
    expect(difference.deciding).toMatchObject([{ setting: 'ip-masq', value: true, missing: 2, extra: 0 }]);
    expect(difference.rules.filter(({ ofRequest }) => ofRequest)).toHaveLength(5);
  });

  it('tell what the earlier run had left, ip-masq included', () => {
    const found = on.replayed.conclusions.flatMap(({ rule }) =>
      rule === undefined ? [] : [formatRule(rule)],
    );
    expect(found).toContain('-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
    expect(on.messages.map(({ known }) => known.slug)).toEqual([
      'stale-sandbox',
      'stored-endpoint-missing',
      'endpoint-count-fixed',
    ]);
  });
});

describe.each(engines)('%s', (engine) => {
  it.each([
    ['{}', []],
    ['{"ip-masq":false}', ['ip-masq=false']],
    ['{"icc":false}', ['icc=false']],
    ['{"userland-proxy":false}', ['userland-proxy=false']],
  ])('with %s shows it in its log', (config, expected) => {
    expect(turned(readingOf(readEvents(twoStarts(engine, config).both)).settings)).toEqual(expected);
  });

  it('a later start alone tells the rules that it found', () => {
    for (const several of [false, true]) {
      const { last, ruleset } = twoStarts(engine, '{}', several);
      const { replayed } = readingOf(readEvents(last));
      const sorted = (rules: readonly string[]) => rules.filter((rule) => !rule.includes('-P')).toSorted();
      expect(sorted(rulesOf(replayed))).toEqual(sorted(rulesOf({ ruleset })));
    }
  });

  it('is known by its rules where the log does not say it', () => {
    const { both, ruleset } = twoStarts(engine, '{}');
    const text = both.replaceAll('Docker daemon', 'something');
    const reading = readingOf(readEvents(text));
    expect(reading.engine?.from).toBe('rules');
    expect(rulesOf(reading.replayed)).toEqual(rulesOf({ ruleset }));
    expect(readingOf(readEvents(text), engine).engine).toEqual({ version: engine, from: 'asked' });
  });

  it('does not differ from its plan', () => {
    const plan = planOf(severalNetworks(engine));
    const { text } = writeStart(engine, plan.operations, emptyRuleset);
    const reading = readingOf(readEvents(text));
    expect(isDifferent(differenceOfLog(rulesOfPlan(plan), reading))).toBe(false);
  });
});

describe('differenceOfLog', () => {
  const host = webHosts('28.5.2');
  const readingFor = (config: string) =>
    readingOf(readEvents(writeStart('28.5.2', planOf(host(config)).operations, emptyRuleset).text));

  it('names the setting and the last command', () => {
    const reading = readingFor('{"userland-proxy":false}');
    const difference = differenceOfLog(rulesOfPlan(planOf(host())), reading);
    expect(difference.deciding.map(({ setting, value }) => `${setting}=${value}`)).toContain(
      'userland-proxy=true',
    );
    const jump = difference.rules.find(
      ({ kind, at }) => kind === 'extra' && at.chain === 'OUTPUT' && at.key.family === 'ipv4',
    );
    expect(jump?.mention).toEqual({ line: expect.any(Number), op: 'append' });
    expect(jump?.decidedBy).toEqual({ setting: 'userland-proxy', value: false });
  });

  it('says nothing about the policy where an earlier run may have set it', () => {
    const { last } = twoStarts('28.5.2', '{}');
    const withoutPolicy = last
      .split('\n')
      .filter((line) => !line.includes('-P FORWARD'))
      .join('\n');
    const reading = readingOf(readEvents(withoutPolicy));
    expect(differenceOfLog(rulesOfPlan(planOf(host())), reading).policies).toEqual([]);
  });
});

describe('an engine with nftables', () => {
  const entryOf = (message: string, fields: string) =>
    `time="t" level=debug msg="nftables: ${message}" ${fields} family=ip table=docker-bridges`;
  const native = { ...webHosts('29.7.2')('{"firewall-backend":"nftables"}') };
  const planned = planOf(native);
  /** A log that makes the plan's tables, in the words of nft. */
  const lines = nativeLinesOfPlan(planned.nft.tables)
    .filter(({ table }) => table.startsWith('ip '))
    .flatMap(({ block, text }) => {
      const [kind, name] = block.split(' ');
      if (text === block) return [entryOf(`created ${kind}`, `${kind}=${name}`)];
      const [, key, value] = /^"(.*)" : (.*)$/.exec(text) ?? [];
      if (key !== undefined)
        return [entryOf('added map element', `key=${key} map=${name} value=${JSON.stringify(value)}`)];
      if (text.startsWith('type ')) return [];
      return [entryOf('appended rule', `chain=${name} group=0 rule=${JSON.stringify(text)}`)];
    });
  const reading = (kept: (line: string) => boolean) =>
    readingOf(readEvents(lines.filter(kept).join('\n')), '29.7.2');
  const ofRules = (difference: LogDifference) =>
    difference.native.filter(({ text, table }) => table.startsWith('ip ') && !text.startsWith('type '));

  it('is compared line by line', () => {
    expect(
      ofRules(
        differenceOfLog(
          rulesOfPlan(planned),
          reading(() => true),
        ),
      ),
    ).toEqual([]);
    const difference = differenceOfLog(
      rulesOfPlan(planned),
      reading((line) => !line.includes('masquerade')),
    );
    expect(ofRules(difference)).toMatchObject([
      {
        kind: 'missing',
        block: 'chain nat-postrouting-out__docker0',
        text: expect.stringContaining('masquerade'),
        decidedBy: { setting: 'ip-masq', value: true },
      },
    ]);
  });

  it('shows its settings', () => {
    const without = reading((line) => !line.includes('masquerade'));
    expect(turned(without.settings)).toEqual(['ip-masq=false']);
    expect(turned(reading(() => true).settings)).toEqual([]);
  });

  it('differs from another log by the same setting', () => {
    const [withOut, withIt] = [reading((line) => !line.includes('masquerade')), reading(() => true)];
    const { deciding } = differenceOfLog(rulesOfLog(withIt), withOut);
    expect(deciding).toEqual([{ setting: 'ip-masq', value: true, missing: 1, extra: 0 }]);
  });
});

describe('readingOf', () => {
  it('groups complaints, the gravest of the others first', () => {
    const stale = (id: string) => logEntry(`Removing stale sandbox ${id}`);
    const { messages, others } = readingOf(
      readEvents(
        [
          stale('a'),
          stale('b'),
          logEntry('odd 1', 'warning'),
          logEntry('bad thing 123456', 'error'),
          logEntry('bad thing 7', 'error'),
        ].join('\n'),
      ),
    );
    expect(messages).toMatchObject([{ known: { slug: 'stale-sandbox' }, line: 1, count: 2 }]);
    expect(others).toEqual([
      { level: 'error', text: 'bad thing 123456', line: 4, count: 2 },
      { level: 'warning', text: 'odd 1', line: 3, count: 1 },
    ]);
  });

  it('knows nothing of an empty log', () => {
    expect(readingOf(readEvents(''))).toMatchObject({
      engine: undefined,
      starts: [],
      settings: [],
      messages: [],
    });
  });

  it('takes no cleaning up of iptables for rules when the engine uses nftables', () => {
    const change =
      'time="t" level=debug msg="nftables: created chain" chain=x family=ip table=docker-bridges';
    const question = logEntry(
      '/usr/sbin/iptables, [--wait -t filter -C DOCKER-CT -o docker0 -j ACCEPT]',
      'debug',
    );
    const { replayed, nftTables } = readingOf(readEvents([change, question].join('\n')), '29.7.2');
    expect(replayed.conclusions).toEqual([]);
    expect(nftTables).toHaveLength(1);
  });
});
