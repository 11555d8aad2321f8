import { describe, expect, it } from 'vitest';
import type { OptionName } from '../options/options.ts';
import { explainOption } from '../plan/explain.ts';
import { explanationText } from './explain-text.ts';

function explained(option: OptionName, config?: string, engine = '28.5.2'): string {
  return explanationText(
    explainOption({
      option,
      engine,
      ...(config === undefined ? {} : { file: { path: 'daemon.json', text: config } }),
    }),
  );
}

describe('explanationText', () => {
  it('tells the whole story of ip-masq', () => {
    expect(explained('ip-masq', '{\n  "ip-masq": false\n}')).toBe(`ip-masq (engine 28.5.2)
  Whether traffic that leaves the default network gets the host's address (MASQUERADE).

type          bool
default       true
here          false (daemon.json line 2)
set by        "ip-masq" in daemon.json or --ip-masq; never by both
applies to    the default network only; user-defined networks have com.docker.network.bridge.enable_ip_masquerade
takes effect  at a restart of the daemon; not on SIGHUP

with ip-masq = false: nothing is made because of it

with ip-masq = true the engine does, for the default network and a container with port 8080:80
  -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE  # give what leaves the network the host's address
  -t nat -I DOCKER -i docker0 -j RETURN                              # leave containers' packets for published ports to the userland proxy

from false to true
  + nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
  + nat -A DOCKER -i docker0 -j RETURN
`);
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
});
