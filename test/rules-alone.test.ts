/**
 * Rules that are all that is known of a host, cut out of captures of real daemons: what is said of them, against what the whole captures say.
 */
import { describe, expect, test } from 'vitest';
import { readBundle } from '../src/bundle/read.ts';
import { diagnose } from '../src/diagnosis/diagnose.ts';
import { type RulesAlone, rulesAlone } from '../src/diagnosis/rules-alone.ts';
import type { Facts } from '../src/host/facts.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { tally } from '../src/report/tally.ts';
import { doctorText } from '../src/report/text/doctor.ts';
import { english } from '../src/report/text/en.ts';

const listings = ['iptables-save.txt', 'ip6tables-save.txt', 'nft-ruleset.json'];

async function rulesOf(capture: string, names: readonly string[] = listings): Promise<Facts> {
  const whole = await readBundle(new URL(`corpus/${capture}.tar.gz`, import.meta.url).pathname);
  return { ...whole, files: new Map([...whole.files].filter(([name]) => names.includes(name))) };
}

function read(facts: Facts): RulesAlone {
  const alone = rulesAlone(facts, hostStateFromFacts(facts).state);
  expect(alone).toBeDefined();
  if (alone === undefined) throw new Error('more than rules is known');
  return alone;
}

function diagnosed(facts: Facts) {
  const alone = read(facts);
  return diagnose({ facts, state: alone.state, expected: alone.expected, alone });
}

describe.each([
  ['17.06.2/default', '17.06 to 18.04.0'],
  ['20.10.24/default', '18.03.1 to 27.5.1'],
  ['28.5.2/default', '28.2.2 to 28.5.2'],
  ['29.7.2-nft/default', '29.7.2'],
])('the rules of %s', (capture, engines) => {
  test('tell the network, the published ports and that nothing is missing', async () => {
    const { networks, drifted, drops } = read(await rulesOf(capture));
    expect({ drifted, drops }).toEqual({ drifted: 0, drops: [] });
    expect(networks).toMatchObject([{ bridge: 'docker0', subnets: ['172.17.0.0/16'], internal: false }]);
    const [web] = networks[0]?.containers ?? [];
    expect(web?.address).toBe('172.17.0.2');
    expect([...(web?.ports ?? [])].sort()).toEqual(['5353->53/udp', '8080->80/tcp']);
  });

  test('let everything pass, which decides nothing', async () => {
    const diagnosis = diagnosed(await rulesOf(capture));
    expect(diagnosis.asked.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(diagnosis.findings).toEqual([]);
    expect(tally(diagnosis).undecided).toBe(true);
    const text = doctorText(diagnosis, { words: english, paint: (_, said) => said, width: 100 });
    expect(text).toContain(`rules like those of ${engines}\n`);
  });
});

test('a rule that is missing is found by its flows', async () => {
  const { healthy, findings } = diagnosed(await rulesOf('28.5.2/ip-masq-false'));
  expect(healthy).toBe(false);
  expect(findings.map(({ cause }) => cause)).toEqual(['masquerade-rule-missing']);
});

test('of one family alone the other is left out, and said to be', async () => {
  const facts = await rulesOf('28.5.2/default', ['iptables-save.txt']);
  expect(read(facts).supposed).toContain('IPv6 is left out: its rules are not there');
  expect(diagnosed(facts).asked.every(({ flow }) => flow.dst?.family === 'ipv4')).toBe(true);
});

test('legacy tables that a listing only mentions decide nothing', async () => {
  const facts = await rulesOf('28.5.2/default', ['iptables-save.txt']);
  const listing = new TextDecoder().decode(facts.files.get('iptables-save.txt'));
  const warning = '# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n';
  const warned = {
    ...facts,
    files: new Map([['iptables-save.txt', new TextEncoder().encode(listing + warning)]]),
  };
  const { unknowns, asked } = diagnosed(warned);
  expect(asked.some(({ outcome }) => outcome === 'unknown')).toBe(true);
  expect(unknowns).toContainEqual(
    expect.objectContaining({
      fact: 'the legacy tables of host let the packet pass (iptables-legacy-save.txt is not in the facts)',
      command: 'iptables-legacy-save',
    }),
  );
});
