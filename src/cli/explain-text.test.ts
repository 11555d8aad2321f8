import { describe, expect, it } from 'vitest';
import type { OptionName } from '../options/options.ts';
import { explainOption } from '../plan/explain.ts';
import { explainGenerations } from '../plan/explain-generations.ts';
import { explanationText } from './explain-text.ts';

function explained(option: OptionName, config?: string, engine = '28.5.2', all = false): string {
  const asked = {
    option,
    ...(config === undefined ? {} : { file: { path: 'daemon.json', text: config } }),
  };
  return explanationText(explainOption({ ...asked, engine }), explainGenerations(asked), all);
}

describe('explanationText', () => {
  it('tells the whole story of ip-masq', () => {
    expect(explained('ip-masq', '{\n  "ip-masq": false\n}')).toBe(`ip-masq (engine 28.5.2)
  Whether traffic that leaves the default network gets the host's address (MASQUERADE).

type          bool
default       true
here          false (daemon.json line 2)
read from     "ip-masq" in daemon.json or --ip-masq
merged        given in both, dockerd refuses to start, also with equal values
checked       by itself
applies to    the default network only, as its com.docker.network.bridge.enable_ip_masquerade; user-defined networks have that of their own
takes effect  at a restart of the daemon; not on SIGHUP, nor with live-restore while a container runs: local-kv.db keeps what the network has

with ip-masq = false: nothing is made because of it

with ip-masq = true the engine does, for the default network and a container with port 8080:80
  -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE  # give what leaves the network the host's address
  -t nat -I DOCKER -i docker0 -j RETURN                              # leave containers' packets for published ports to the userland proxy

from false to true
  + nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
  + nat -A DOCKER -i docker0 -j RETURN

the same change in other engines
  17.06 to before 29.0 (here)  0 go, 2 come
  29.0 and later               0 go, 1 come
  29.0 and later, nftables     0 go, 1 come
`);
  });

  it('shows the change of each layout line by line when asked', () => {
    const text = explained('icc', undefined, '28.5.2', true);
    expect(text).toContain(`  17.06 to before 27.0      1 go, 2 come
    - filter -A FORWARD -i docker0 -o docker0 -j ACCEPT
    + filter -A FORWARD -i docker0 -o docker0 -j DROP
`);
    expect(text).toContain(
      '  28.0.1 and later (here)   1 go, 4 come\n    - filter -A DOCKER-FORWARD -i docker0 -j ACCEPT\n',
    );
  });

  it('names what an option is refused together with, and the engines that do not know it', () => {
    expect(explained('icc')).toContain(
      'checked       icc = false is refused together with iptables = false\n',
    );
    expect(explained('allow-direct-routing')).toContain('  17.06 to before 28.2 ');
  });

  it('says when the engine would not start', () => {
    expect(explained('iptables', '{"icc":false}')).toContain(
      'with iptables = false: the engine does not start\n  refused: ',
    );
  });

  it('says plainly when there is nothing to show', () => {
    expect(explained('live-restore')).toContain('no rule, link, route, sysctl or proxy of this host changes');
    expect(explained('dns')).toContain('No other value of dns was tried.');
    expect(explained('allow-direct-routing', undefined, '17.06.2')).toContain(
      'engine 17.06.2 does not know this option',
    );
  });

  it('shows native tables as what nft adds', () => {
    const text = explained('ip-masq', '{"firewall-backend":"nftables"}', '29.7.2');
    const rule =
      'rule ip docker-bridges nat-postrouting-out__docker0 ' +
      'oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"';
    expect(text).toContain(`  nft add ${rule}  # give what leaves the network the host's address`);
    expect(text).toContain(`from true to false\n  - nft add ${rule}\n`);
    const backend = explained('firewall-backend', '{"firewall-backend":"nftables"}', '29.7.2');
    expect(backend).toContain('nft add table ip6 docker-bridges');
  });
});
