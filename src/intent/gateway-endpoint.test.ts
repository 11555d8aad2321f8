import { describe, expect, it } from 'vitest';
import { type GatewayCandidate, gatewayEndpoint } from './gateway-endpoint.ts';

function on(networkName: string, more: Partial<GatewayCandidate> = {}): GatewayCandidate {
  return {
    networkName,
    driver: 'bridge',
    internal: false,
    hasGateway4: true,
    hasGateway6: false,
    priority: 0,
    ...more,
  };
}

function chosen(...candidates: GatewayCandidate[]): string | undefined {
  const names = [candidates, [...candidates].reverse()].map((order) => gatewayEndpoint(order)?.networkName);
  expect(names[0]).toBe(names[1]);
  return names[0];
}

describe('gatewayEndpoint', () => {
  it('takes the first name of equals', () => {
    expect(chosen(on('b'), on('a'), on('c'))).toBe('a');
  });

  it('prefers dual-stack, external and prioritised networks, in rising order', () => {
    expect(chosen(on('a'), on('b', { hasGateway6: true }))).toBe('b');
    expect(chosen(on('a', { hasGateway6: true, internal: true }), on('b'))).toBe('b');
    expect(chosen(on('a'), on('b', { priority: 1, internal: true }))).toBe('b');
  });

  it('needs a gateway, and no null or host driver', () => {
    expect(chosen(on('a', { hasGateway4: false, hasGateway6: true }), on('b'))).toBe('b');
    expect(chosen(on('a', { driver: 'host' }), on('b', { driver: 'null' }))).toBeUndefined();
    expect(chosen()).toBeUndefined();
  });
});
