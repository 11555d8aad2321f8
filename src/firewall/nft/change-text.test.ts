import { expect, test } from 'vitest';
import { changeNft } from './change-text.ts';
import { listingJson } from './listing-text.ts';
import { parseNftJson } from './parse.ts';
import { nftLines } from './print.ts';

const listing = `table inet fw {
	chain f {
		type filter hook forward priority filter; policy drop;
		ct state established accept # handle 4
		tcp dport 80 accept # handle 5
	}
}
table ip filter {
}
`;

const parsed = parseNftJson(listingJson(listing).json, 'f', (_, name) => name === 'filter').ruleset;

/** The rules of the chain after these commands. */
function rulesAfter(...commands: readonly string[]): readonly string[] {
  const after = commands.reduce((ruleset, command) => {
    const changed = changeNft(ruleset, command);
    if ('error' in changed) throw new Error(changed.error);
    return changed;
  }, parsed);
  return after.tables.flatMap(nftLines).map(({ text }) => text.trim());
}

test.each([
  ['add rule inet fw f iifname docker0 accept', 3, 'iifname "docker0" accept'],
  ['insert rule inet fw f tcp dport { 22, 443 } drop', 1, 'tcp dport { 22, 443 } drop'],
  ['add rule inet fw f position 4 udp dport 53 accept', 2, 'udp dport 53 accept'],
  ['insert rule inet fw f handle 5 udp dport 53 accept', 2, 'udp dport 53 accept'],
  ['add rule inet fw f index 0 udp dport 53 accept', 2, 'udp dport 53 accept'],
])('%s', (command, position, rule) => {
  const lines = rulesAfter(command);
  const hook = lines.findIndex((line) => line.startsWith('type '));
  expect(lines[hook + position]).toBe(rule);
});

test('chains and tables come, change and go', () => {
  expect(rulesAfter('delete rule inet fw f handle 5')).not.toContain('tcp dport 80 accept');
  expect(rulesAfter('add chain inet fw f { policy accept ; }').join()).toContain('policy accept;');
  const made = 'add chain inet fw g { type filter hook input priority 0 ; policy drop ; }';
  expect(rulesAfter(made)).toContain('type filter hook input priority filter; policy drop;');
  expect(rulesAfter('flush chain inet fw f').join()).not.toContain('accept');
  expect(rulesAfter('flush ruleset')).toEqual([]);
  expect(rulesAfter('delete table inet fw', 'add table ip mine', 'add chain ip mine c')).toContain(
    'chain c {',
  );
});

test.each([
  ['add rule inet nix f accept', 'No such file or directory'],
  ['add rule ip filter FORWARD accept', "it is iptables' own"],
  ['add rule inet fw nix accept', 'chain nix: No such file or directory'],
  ['delete rule inet fw f handle 9', 'no rule with handle 9'],
  ['add element inet fw s { 1.1.1.1 }', 'cannot be tried'],
])('%s: %s', (command, error) => {
  expect(changeNft(parsed, command)).toEqual({ error: expect.stringContaining(error) });
});
