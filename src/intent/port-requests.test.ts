import { describe, expect, it } from 'vitest';
import { formatAddr } from '../net/addr.ts';
import { parseContainerPort, portRequests } from './port-requests.ts';

type Bindings = Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[]>>;

function requests(
  bindings: Bindings,
  actual?: Bindings,
  more: { exposed?: readonly string[]; publishAll?: boolean } = {},
): readonly string[] {
  const map = (from: Bindings) => new Map(Object.entries(from).map(([port, list]) => [port, [...list]]));
  const { requests: found } = portRequests({
    bindings: map(bindings),
    actual: actual === undefined ? undefined : map(actual),
    exposed: more.exposed ?? [],
    publishAll: more.publishAll ?? false,
  });
  return found.map(({ binding, first, last }) => {
    const host = binding.hostAddress === undefined ? '' : `${formatAddr(binding.hostAddress)} `;
    return `${host}${first}-${last} -> ${binding.hostPort} to ${binding.containerPort}/${binding.protocol}`;
  });
}

describe('parseContainerPort', () => {
  it('reads ports as Docker writes them', () => {
    expect(parseContainerPort('80/tcp')).toEqual({ port: 80, protocol: 'tcp' });
    expect(parseContainerPort('53/UDP')).toEqual({ port: 53, protocol: 'udp' });
    expect(parseContainerPort('7/sctp')).toEqual({ port: 7, protocol: 'sctp' });
    expect(parseContainerPort('80')).toEqual({ port: 80, protocol: 'tcp' });
    for (const text of ['0/tcp', '65536/tcp', '80/icmp', '80-81/tcp', '', 'x']) {
      expect(parseContainerPort(text)).toBeUndefined();
    }
  });
});

describe('portRequests', () => {
  it('keeps what was asked for, with the port that was given', () => {
    const bindings = {
      '80/tcp': [{ HostIp: '', HostPort: '8080' }],
      '81/tcp': [
        { HostIp: '127.0.0.1', HostPort: '8081' },
        { HostIp: '', HostPort: '' },
      ],
      '82/tcp': [{ HostIp: '[::1]', HostPort: '8100-8110' }],
    };
    const actual = {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '81/tcp': [
        { HostIp: '0.0.0.0', HostPort: '32768' },
        { HostIp: '::', HostPort: '32768' },
        { HostIp: '127.0.0.1', HostPort: '8081' },
      ],
      '82/tcp': [
        { HostIp: '::1', HostPort: '8200' },
        { HostIp: '::1', HostPort: '8103' },
      ],
    };
    expect(requests(bindings, actual)).toEqual([
      '8080-8080 -> 8080 to 80/tcp',
      '127.0.0.1 8081-8081 -> 8081 to 81/tcp',
      '0-0 -> 32768 to 81/tcp',
      '::1 8100-8110 -> 8103 to 82/tcp',
    ]);
  });

  it('gives two automatic ports two different ones', () => {
    const twice = { '80/tcp': [{ HostPort: '' }, { HostPort: '' }] };
    const given = {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '32768' },
        { HostIp: '::', HostPort: '32768' },
        { HostIp: '0.0.0.0', HostPort: '32769' },
      ],
    };
    expect(requests(twice, given)).toEqual(['0-0 -> 32768 to 80/tcp', '0-0 -> 32769 to 80/tcp']);
    expect(requests(twice)).toEqual(['0-0 -> 32768 to 80/tcp', '0-0 -> 32769 to 80/tcp']);
  });

  it('leaves out what is not in force', () => {
    const bindings = { '80/tcp': [{ HostPort: '8080' }] };
    expect(requests(bindings, {})).toEqual([]);
    expect(requests(bindings, { '80/tcp': [] })).toEqual([]);
  });

  it('keeps the port asked for where routing maps none', () => {
    expect(
      requests({ '80/tcp': [{ HostPort: '8080' }] }, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }] }),
    ).toEqual(['8080-8080 -> 8080 to 80/tcp']);
  });

  it('publishes all exposed ports that have no binding, when asked to', () => {
    const exposed = ['80/tcp', '81/tcp'];
    const bindings = { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [] };
    expect(requests(bindings, undefined, { exposed })).toEqual(['8080-8080 -> 8080 to 80/tcp']);
    expect(requests(bindings, undefined, { exposed, publishAll: true })).toEqual([
      '8080-8080 -> 8080 to 80/tcp',
      '0-0 -> 32768 to 81/tcp',
    ]);
  });

  it('reports what it cannot read and goes on', () => {
    const bindings = new Map([
      ['x', [{ HostPort: '1' }]],
      [
        '80/tcp',
        [{ HostPort: '9-8' }, { HostPort: '70000' }, { HostIp: 'no', HostPort: '1' }, { HostPort: '8080' }],
      ],
    ]);
    const { requests: found, problems } = portRequests({
      bindings,
      actual: undefined,
      exposed: [],
      publishAll: false,
    });
    expect(found.map(({ binding }) => binding.hostPort)).toEqual([8080]);
    expect(problems).toHaveLength(4);
    expect(problems[0]).toContain('"x"');
  });
});
