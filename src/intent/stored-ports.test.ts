import { expect, it } from 'vitest';
import { formatAddr } from '../net/addr.ts';
import type { StoredBinding } from './store-schema.ts';
import { portsFromStore } from './stored-ports.ts';

function binding(
  HostIP: string,
  HostPort: number,
  Port: number,
  HostPortEnd = HostPort,
  Proto = 6,
): StoredBinding {
  return { Proto, Port, HostIP, HostPort, HostPortEnd };
}

function read(mapped: readonly StoredBinding[], asked: readonly StoredBinding[]): readonly string[] {
  return portsFromStore(mapped, asked).map(({ hostAddress, hostPort, containerPort, protocol }) => {
    const host = hostAddress === undefined ? '' : `${formatAddr(hostAddress)}:`;
    return `${host}${hostPort}:${containerPort}/${protocol}`;
  });
}

it('has one binding for a request that is mapped in both families', () => {
  const mapped = [binding('0.0.0.0', 8080, 80), binding('::', 8080, 80)];
  expect(read(mapped, [binding('', 8080, 80)])).toEqual(['8080:80/tcp']);
});

it('keeps the order in which the engine mapped them', () => {
  const mapped = [
    binding('0.0.0.0', 53, 53, 53, 17),
    binding('0.0.0.0', 8081, 81),
    binding('0.0.0.0', 8080, 80),
  ];
  const asked = [binding('', 8080, 80), binding('', 8081, 81), binding('', 53, 53, 53, 17)];
  expect(read(mapped, asked)).toEqual(['53:53/udp', '8081:81/tcp', '8080:80/tcp']);
});

it('tells what was asked for on an address from what was asked for anywhere, of one container port', () => {
  const mapped = [
    binding('127.0.0.1', 8081, 81),
    binding('203.0.113.2', 8082, 81),
    binding('0.0.0.0', 32768, 81),
  ];
  const asked = [binding('', 0, 81), binding('203.0.113.2', 8082, 81), binding('127.0.0.1', 8081, 81)];
  expect(read(mapped, asked)).toEqual(['127.0.0.1:8081:81/tcp', '203.0.113.2:8082:81/tcp', '32768:81/tcp']);
});

it('takes the port that a range or an automatic request got', () => {
  const asked = [binding('', 8100, 82, 8110), binding('', 0, 80), binding('', 0, 80)];
  const mapped = [
    binding('0.0.0.0', 8103, 82, 8110),
    binding('0.0.0.0', 32768, 80),
    binding('0.0.0.0', 32769, 80),
  ];
  expect(read(mapped, asked)).toEqual(['8103:82/tcp', '32768:80/tcp', '32769:80/tcp']);
});

it('gives the asked port of a routed network, which maps none', () => {
  const mapped = [binding('0.0.0.0', 0, 80), binding('::', 8080, 80)];
  expect(read(mapped, [binding('', 8080, 80)])).toEqual(['8080:80/tcp']);
});

it("leaves out the network's default address, which is not the request's", () => {
  expect(read([binding('127.0.0.1', 8080, 80)], [binding('', 8080, 80)])).toEqual(['8080:80/tcp']);
});

it('has nothing for what was asked for and is not mapped, and for other protocols', () => {
  expect(read([], [binding('', 8080, 80)])).toEqual([]);
  expect(read([binding('', 8080, 80, 8080, 1)], [binding('', 8080, 80, 8080, 1)])).toEqual([]);
});
