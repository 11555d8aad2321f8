/**
 * The program against what real daemons and kernels did: every capture under test/corpus.
 * Where the two are known to disagree the flow is named here, with the reason; nothing else may differ.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readBundle } from '../src/bundle/read.ts';
import { parseNftJson } from '../src/firewall/nft/parse.ts';
import { printNft } from '../src/firewall/nft/print.ts';
import { nftJson } from '../src/firewall/nft/print-json.ts';
import { parseSave, printSave } from '../src/firewall/save.ts';
import { applyChanges } from '../src/host/change.ts';
import { type Facts, text } from '../src/host/facts.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { makeScene, walk } from '../src/packet/walk.ts';
import { expectedFromFacts } from '../src/plan/expected.ts';
import { readingOf } from '../src/plan/log-reading.ts';
import { readEvents } from '../src/replay/events.ts';
import { flowKey, flowOf, probesOf, scenarioOf } from './judge/capture.ts';
import { judgeCauses } from './judge/causes.ts';
import { judgeDrift } from './judge/drift.ts';
import { judgeHistory } from './judge/history.ts';
import { judgeReplay } from './judge/replay.ts';
import { judgeRecognition, judgeRules, judgeSandboxes } from './judge/rules.ts';
import { judgeStore } from './judge/store.ts';
import { judgeWalks } from './judge/walks.ts';

const root = fileURLToPath(new URL('corpus', import.meta.url));
const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.tar.gz'),
);
const captures = await Promise.all(
  paths.toSorted().map(async (path) => ({
    name: path.replace(/\.tar\.gz$/, ''),
    facts: await readBundle(`${root}/${path}`, { oracle: true }),
  })),
);

/**
 * Probes that went another way than they are walked, by capture and id. The kernel sends at most six ICMP errors to one
 * address in quick succession (net.ipv4.icmp_ratelimit, a bucket of a second each); the probes that came after were not told.
 */
const notToldOfTheError: Readonly<Record<string, readonly number[]>> = {
  '17.06.2/no-default-route': [3, 4, 19, 20],
};

function versionOf(name: string): string {
  return name.split('/')[0] ?? '';
}

test('the corpus is there', () => {
  expect(captures.length).toBeGreaterThan(40);
  expect(captures.flatMap(({ facts }) => probesOf(facts)).length).toBeGreaterThan(2500);
});

describe('replay of dockerd.log: the rules that were there', () => {
  const judged = captures.flatMap(({ name, facts }) => {
    const verdicts = judgeReplay(facts);
    return verdicts === undefined ? [] : [{ name, verdicts }];
  });

  test.each(judged)('$name', ({ verdicts }) => {
    expect(verdicts.flatMap(({ differences }) => differences)).toEqual([]);
  });

  test('there are enough of them', () => {
    expect(judged.length).toBeGreaterThan(20);
  });

  test('of 17.06.2/restart-flip-bip the later start alone tells them too', () => {
    const facts = captures.find(({ name }) => name === '17.06.2/restart-flip-bip')?.facts;
    const log = (facts && text(facts, 'dockerd.log')) ?? '';
    const later = log.slice(log.lastIndexOf('\n', log.lastIndexOf('msg="Listener created for HTTP')) + 1);
    expect(readEvents(later).entries).toBeLessThan(readEvents(log).entries / 1.5);
    const [whole, last] = [log, later].map((part) => readingOf(readEvents(part)));
    const rules = (reading: typeof whole) =>
      printSave(reading?.replayed.ruleset ?? { tables: [] }, { family: 'ipv4' }).replace(
        /:FORWARD DROP/,
        ':FORWARD ACCEPT',
      );
    expect(rules(last)).toBe(rules(whole));
  });
});

describe('iptables-save: what is printed is what was read', () => {
  const files = [
    ['iptables-save.txt', 'ipv4'],
    ['ip6tables-save.txt', 'ipv6'],
    ['iptables-legacy-save.txt', 'ipv4'],
    ['ip6tables-legacy-save.txt', 'ipv6'],
  ] as const;
  const saves = captures.flatMap(({ name, facts }) => {
    const host = files.flatMap(([file, family]) => {
      const save = text(facts, file);
      return save === undefined ? [] : [{ name: `${name} ${file}`, save, family }];
    });
    const inside = Object.entries(sandboxesOf(facts)).map(([container, save]) => ({
      name: `${name} ${container}`,
      save,
      family: 'ipv4' as const,
    }));
    return [...host, ...inside];
  });

  test.each(saves)('$name', ({ save, family }) => {
    const { tables, errors } = parseSave(save, { backend: 'iptables-nft', family, file: 'save' });
    expect(errors).toEqual([]);
    const counters = /^\[\d+:\d+\] -A/m.test(save);
    expect(linesOf(printSave({ tables }, { family, counters }))).toEqual(linesOf(save));
  });

  function linesOf(save: string): string[] {
    return save
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '' && !line.startsWith('#'));
  }
});

describe('nft: what is printed is what was listed, and JSON is read back as it was', () => {
  const listed = captures.flatMap(({ name, facts }) => {
    const [listing, json] = ['nft-ruleset.txt', 'nft-ruleset.json'].map((file) => text(facts, file));
    return listing === undefined || json === undefined ? [] : [{ name, listing, json }];
  });

  test.each(listed)('$name', ({ listing, json }) => {
    const read = (value: unknown) => parseNftJson(value, 'nft', () => false);
    const { ruleset, problems } = read(JSON.parse(json));
    expect(problems).toEqual([]);
    const docker = ruleset.tables.filter(({ name }) => name.startsWith('docker-'));
    const uncounted = listing.replaceAll(/counter packets \d+ bytes \d+/g, 'counter');
    for (const table of docker) expect(uncounted).toContain(printNft([table]));
    expect(nftJson(read(nftJson(docker)).ruleset.tables)).toEqual(nftJson(docker));
  });

  test('there are native tables among them', () => {
    const own = listed.filter(({ listing }) => listing.includes('table ip docker-bridges'));
    expect(own.length).toBeGreaterThan(8);
  });
});

function sandboxesOf(facts: Facts): Record<string, string> {
  const sandboxes: Record<string, { iptables_save?: unknown }> = JSON.parse(
    text(facts, 'sandboxes.json') ?? '{}',
  );
  return Object.fromEntries(
    Object.entries(sandboxes).flatMap(([name, { iptables_save: save }]) =>
      typeof save === 'string' ? [[name, save]] : [],
    ),
  );
}

describe('rules: the plan of an engine that nothing disturbed is what its host has', () => {
  const judged = captures.flatMap(({ name, facts }) => {
    const verdicts = judgeRules(facts);
    return verdicts === undefined ? [] : [{ name, verdicts }];
  });

  test.each(judged)('$name', ({ verdicts }) => {
    for (const { family, differences } of verdicts) expect([family, differences]).toEqual([family, []]);
  });

  test('there are enough of them', () => {
    expect(judged.length).toBeGreaterThan(20);
  });
});

describe('history: what a daemon leaves when it stops, and makes of it when it starts again', () => {
  const judged = captures.flatMap(({ name, facts }) =>
    judgeHistory(facts).map(({ what, differences }) => ({ name, what, differences })),
  );

  test.each(judged)('$name: $what', ({ differences }) => {
    expect(differences).toEqual([]);
  });

  test('there are enough of both', () => {
    expect(judged.filter(({ what }) => what === 'stop').length).toBeGreaterThan(20);
    expect(judged.filter(({ what }) => what === 'restart').length).toBeGreaterThan(5);
  });
});

describe('the store: local-kv.db alone gives the plan that the running engine gives, and does not contradict it', () => {
  const judged = captures.flatMap(({ name, facts }) => {
    const differences = judgeStore(facts);
    return differences === undefined ? [] : [{ name, facts, differences }];
  });

  test.each(judged)('$name', ({ facts, differences }) => {
    expect(differences).toEqual([]);
    expect(expectedFromFacts(facts)).toMatchObject({ intentDifferences: [] });
  });

  test('there are enough of them', () => {
    expect(judged.length).toBeGreaterThan(40);
  });
});

describe('drift', () => {
  const judged = captures.flatMap(({ name, facts }) => {
    const verdict = judgeDrift(facts);
    return verdict === undefined ? [] : [{ name, ...verdict }];
  });

  test.each(judged.filter(({ found }) => found !== undefined))('none on $name', ({ found }) => {
    expect(found).toEqual([]);
  });

  test.each(judged)('healing leaves none on $name', ({ left }) => {
    expect(left).toEqual([]);
  });
});

describe("rules in containers' namespaces are as planned, whatever ports the resolver took", () => {
  const judged = captures.map(({ name, facts }) => ({ name, verdicts: judgeSandboxes(facts) }));

  test.each(judged.filter(({ verdicts }) => verdicts.length > 0))('$name', ({ verdicts }) => {
    expect(verdicts.filter(({ agree }) => !agree)).toEqual([]);
  });

  test('there are enough of them', () => {
    expect(judged.flatMap(({ verdicts }) => verdicts).length).toBeGreaterThan(40);
  });
});

describe('generations: the rules of a host show which engine made them, whatever was done to them since', () => {
  const judged = captures.flatMap(({ name, facts }) => {
    const verdict = judgeRecognition(facts);
    return verdict === undefined ? [] : [{ name, verdict }];
  });

  test.each(judged)('$name', ({ verdict }) => {
    expect(verdict).toMatchObject({ right: true });
  });

  test('there are enough of them', () => {
    expect(judged.length).toBeGreaterThan(40);
  });
});

describe('walks: packets end as they really did', () => {
  test.each(captures.filter(({ facts }) => probesOf(facts).length > 0))('$name', ({ name, facts }) => {
    const known = new Set(notToldOfTheError[name] ?? []);
    const wrong = judgeWalks(facts).flatMap(({ probe, trace, sameClass, seenAs, deliveredTo, answer }) => {
      const flow = `#${probe.id} ${flowKey(probe)}`;
      const right = sameClass && seenAs !== false && deliveredTo !== false && answer !== false;
      if (right !== known.has(probe.id)) return [];
      return [`${flow}: ${JSON.stringify(probe.outcome)}, walked ${trace.outcome}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe('causes: the first finding names what was broken, and its repair heals it', () => {
  const workingIn = new Map(
    captures
      .filter(({ name }) => name.endsWith('/default'))
      .map(({ name, facts }) => [
        versionOf(name),
        new Set(
          probesOf(facts)
            .filter((p) => p.success === true)
            .map(flowKey),
        ),
      ]),
  );
  const judged = captures.flatMap(({ name, facts }) => {
    const working = workingIn.get(versionOf(name)) ?? new Set();
    const verdict = judgeCauses(facts, working);
    return verdict === undefined ? [] : [{ name, facts, working, verdict }];
  });

  test.each(judged.filter(({ verdict }) => verdict.kind === 'healthy'))('$name is healthy', ({ verdict }) => {
    expect(verdict.diagnosis.findings.filter((f) => f.severity === 'error')).toEqual([]);
  });

  const faults = judged.filter(({ verdict }) => verdict.kind === 'fault');
  test.each(faults)('$name', ({ facts, working, verdict }) => {
    expect(verdict.wanted).toContain(verdict.said);
    const [first] = verdict.diagnosis.findings;
    const broken = new Set(scenarioOf(facts).brokenFlows);
    const flows = probesOf(facts).filter(
      (p) => broken.has(p.name) && working.has(flowKey(p)) && p.success === false && p.decidable !== false,
    );
    const repaired = makeScene(applyChanges(hostStateFromFacts(facts).state, first?.changes ?? []));
    const left = flows.filter((p) => walk(repaired, flowOf(p)).outcome !== 'ok');
    expect(left.map(flowKey)).toEqual([]);
    // Asked for exactly these flows, the doctor says the same, and that its repair heals each of them.
    expect(verdict.wanted).toContain(verdict.asked?.said);
    expect(verdict.asked?.healed).toBe(verdict.broken);
  });

  test('there are enough of both', () => {
    expect(faults.length).toBeGreaterThan(25);
    expect(judged.length - faults.length).toBeGreaterThan(15);
  });

  test.each(['17.06.2', '28.5.2'])('%s: the incident, down to the line of daemon.json', (version) => {
    const [finding] =
      judged.find(({ name }) => name === `${version}/ip-masq-false`)?.verdict.diagnosis.findings ?? [];
    expect(finding?.because[0]).toMatchObject({
      setting: 'ip-masq',
      value: false,
      origin: { kind: 'file', path: 'daemon.json' },
    });
    expect(finding?.evidence[0]?.text).toContain('"ip-masq": false');
    expect(finding?.hop).toBe('nat/POSTROUTING');
    expect(finding?.repairs.map((r) => r.change).join('\n')).toContain(
      '-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    );
    expect(finding?.proof.flows.every(({ before, after }) => before !== 'ok' && after === 'ok')).toBe(true);
    expect(finding?.proof.newlyAllowed).toEqual([]);
  });
});
