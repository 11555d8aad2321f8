import { expect, test } from 'vitest';
import { parsePrefix } from '../net/prefix.ts';
import { render } from './render.ts';
import { changeOf } from './state-change.ts';

const prefix = parsePrefix('172.17.0.1/16');
const options = { userNamespace: false, sysctlWriter: ['writer'] };

test('changes of the model become steps where their namespaces are, and what is not ours is left', () => {
  const { change, left } = changeOf(
    [
      { namespace: 'host', kind: 'add-bridge', dev: 'docker0', mtu: 1400, prefix },
      { namespace: 'host', kind: 'link-master', dev: 'veth1', master: 'docker0' },
      { namespace: 'host', kind: 'port-flags', dev: 'veth1', flags: { learning: true, isolated: false } },
      { namespace: 'host', kind: 'rename-link', dev: 'old', name: 'new' },
      { namespace: 'host', kind: 'delete-policy-rule', priority: 99 },
      { namespace: 'web', kind: 'link-up', dev: 'eth0' },
      { namespace: 'host', kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1', before: '0' },
      {
        namespace: 'host',
        kind: 'delete-nft-chain',
        chain: { family: 'inet', hook: 'forward', name: 'inet filter forward' },
      },
    ],
    (name) => (name === 'host' ? undefined : `/proc/${name}/ns/net`),
  );
  expect(left.map(({ kind }) => kind)).toEqual(['delete-nft-chain']);
  expect(
    render(change, options).map(({ invocation }) => [invocation.argv.join(' '), invocation.stdin]),
  ).toEqual([
    [
      'ip -batch -',
      [
        'link add name docker0 type bridge',
        'address add 172.17.0.1/16 broadcast + dev docker0',
        'link set dev docker0 mtu 1400 up',
        'link set dev veth1 master docker0',
        'link set dev veth1 type bridge_slave isolated off learning on',
        'link set dev old name new',
        'rule delete preference 99',
        '',
      ].join('\n'),
    ],
    ['nsenter --net=/proc/web/ns/net -- ip -batch -', 'link set dev eth0 up\n'],
    ['writer', '[{"name":"net.ipv4.ip_forward","value":"1"}]\n'],
  ]);
});
