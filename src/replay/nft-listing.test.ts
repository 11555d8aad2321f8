import { describe, expect, it } from 'vitest';
import { readEvents } from './events.ts';
import { nftTablesOf, printNftTables } from './nft-listing.ts';

const nft = (message: string, fields: string) =>
  `time="t" level=debug msg="nftables: ${message}" ${fields} table=docker-bridges`;
const base = nft('created base chain', 'chain=fwd device= family=ip hook=forward prio=0 type=filter');
const rule = (text: string, group: number, verb = 'appended') =>
  nft(`${verb} rule`, `chain=fwd family=ip group=${group} rule=${JSON.stringify(text)}`);
const printed = (...lines: string[]) => printNftTables(nftTablesOf(readEvents(lines.join('\n')).events));
const rules = (...lines: string[]) =>
  [...(nftTablesOf(readEvents(lines.join('\n')).events)[0]?.chains.get('fwd')?.rules ?? [])].map(
    ({ text }) => text,
  );

describe('nftTablesOf', () => {
  it('orders rules by their groups, and removes them by their text', () => {
    const made = [base, rule('c', 5), rule('a', 0), rule('b', 3), rule('a2', 0)];
    expect(rules(...made)).toEqual(['a', 'a2', 'b', 'c']);
    expect(rules(...made, rule('b', 3, 'deleted'), rule('none', 0, 'deleted'))).toEqual(['a', 'a2', 'c']);
  });

  it('begins again with the next start', () => {
    expect(rules(base, rule('a', 0), base, rule('b', 0))).toEqual(['b']);
  });

  it("leaves out what is in containers' namespaces", () => {
    const line = 'time="t" level=debug msg="nftables: created chain" chain=x family=ip table=docker-dns';
    expect(printed(line)).toBe('');
  });
});

describe('printNftTables', () => {
  it('writes what nft prints', () => {
    expect(
      printed(
        base,
        nft('created map', 'family=ip map=jumps'),
        nft('added map element', 'bridge=br comment= family=ip key=br map=jumps value="jump in__br"'),
        nft('created chain', 'chain=in__br family=ip'),
        rule('oifname vmap @ jumps', 0),
        rule('ip daddr 172.17.0.2 iifname != { br ,  } counter drop comment "DROP DIRECT ACCESS"', 1),
        rule('iifname != { br , eth0 } ip daddr != 127.0.0.1/8 meta mark 7 counter drop', 2),
        rule('iifname == br counter accept comment ICC', 3),
      ),
    ).toBe(`table ip docker-bridges {
\tmap jumps {
\t\ttype ifname : verdict
\t\telements = { "br" : jump in__br }
\t}

\tchain fwd {
\t\ttype filter hook forward priority filter; policy accept;
\t\toifname vmap @jumps
\t\tip daddr 172.17.0.2 iifname != "br" counter drop comment "DROP DIRECT ACCESS"
\t\tiifname != { "br", "eth0" } ip daddr != 127.0.0.0/8 meta mark 0x00000007 counter drop
\t\tiifname "br" counter accept comment "ICC"
\t}

\tchain in__br {
\t}
}
`);
  });

  it('forgets what was deleted', () => {
    const fields = 'family=ip key=br map=jumps value="jump in__br"';
    expect(
      printed(
        nft('created map', 'family=ip map=jumps'),
        nft('added map element', fields),
        nft('deleted map element', fields),
        nft('created chain', 'chain=in__br family=ip'),
        nft('deleted chain', 'chain=in__br family=ip'),
      ),
    ).toBe('table ip docker-bridges {\n\tmap jumps {\n\t\ttype ifname : verdict\n\t}\n}\n');
  });
});
