import { describe, expect, it } from 'vitest';
import type { PortProxy } from '../host/state.ts';
import { type Addr, parseAddr } from '../net/addr.ts';
import { orderPorts, type PortRequest } from './port-order.ts';

function addr(text: string): Addr {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

/** `8080:80`, `127.0.0.1:8081:81`, `8100-8110>8105:82/udp`: the range asked for, the port given. */
function request(text: string): PortRequest {
  const found = /^(?:(.*?):)?(?:([0-9]+)-([0-9]+)>)?([0-9]+):([0-9]+)(?:\/(udp|sctp))?$/.exec(text);
  if (found === null) throw new Error(text);
  const hostPort = Number(found[4]);
  const protocol = found[6];
  return {
    first: Number(found[2] ?? hostPort),
    last: Number(found[3] ?? hostPort),
    binding: {
      protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
      containerPort: Number(found[5]),
      hostPort,
      ...(found[1] === undefined ? {} : { hostAddress: addr(found[1]) }),
    },
  };
}

function ordered(texts: readonly string[], order: 'compare-bindings' | 'sort-port-map'): readonly string[] {
  const requests = new Map(texts.map((text) => [request(text), text]));
  return orderPorts([...requests.keys()], order, []).map((entry) => requests.get(entry) ?? '?');
}

describe('compare-bindings (28)', () => {
  it('exact ports first, then container port, protocol, host port, host address', () => {
    const right = [
      '5353:53/udp',
      '8080:80',
      '8080:80/udp',
      '8080:80/sctp',
      '8081:81',
      '127.0.0.1:8082:81',
      '203.0.113.2:8082:81',
      '0-0>32768:81',
      '8100-8110>8100:82',
    ];
    expect(ordered([...right].reverse(), 'compare-bindings')).toEqual(right);
    expect(ordered(right, 'compare-bindings')).toEqual(right);
  });

  it('puts a request without address before one with', () => {
    expect(ordered(['127.0.0.1:80:80', '80:80'], 'compare-bindings')).toEqual(['80:80', '127.0.0.1:80:80']);
  });
});

describe('sort-port-map (17.06)', () => {
  it("is nat.SortPortMap's order, as a capture shows it", () => {
    const requested = [
      '5353:53/udp',
      '8080:80',
      '127.0.0.1:8081:81',
      '203.0.113.2:8082:81',
      '0-0>32768:81',
      '8100-8110>8100:82',
      '9000:9000',
      '9001:9001',
    ];
    expect(ordered(requested, 'sort-port-map')).toEqual([
      '9001:9001',
      '9000:9000',
      '8100-8110>8100:82',
      '0-0>32768:81',
      '203.0.113.2:8082:81',
      '127.0.0.1:8081:81',
      '8080:80',
      '5353:53/udp',
    ]);
  });

  it('gathers the bindings of one port where the port first appears', () => {
    expect(ordered(['9000:80', '81:80', '8000:90'], 'sort-port-map')).toEqual([
      '9000:80',
      '81:80',
      '8000:90',
    ]);
  });

  it('believes proxies that name every port of the container', () => {
    const requests = ['8080:80', '5353:53/udp'].map(request);
    const container = addr('172.17.0.2');
    const proxy = (text: string, containerAddress: Addr): PortProxy => {
      const { binding } = request(text);
      return { ...binding, hostAddress: addr('0.0.0.0'), containerAddress, answersFromAskedAddress: true };
    };
    const order = (...proxies: PortProxy[]) =>
      orderPorts(requests, 'sort-port-map', [container], proxies).map(({ binding }) => binding.containerPort);
    expect(order()).toEqual([80, 53]);
    expect(order(proxy('5353:53/udp', container), proxy('8080:80', container))).toEqual([53, 80]);
    expect(order(proxy('5353:53/udp', container))).toEqual([80, 53]);
    const other = addr('172.17.0.3');
    expect(order(proxy('5353:53/udp', other), proxy('8080:80', other))).toEqual([80, 53]);
    expect(order(proxy('5353:53', container), proxy('8080:80', container))).toEqual([80, 53]);
  });
});
