/**
 * An uplink for a namespace, and an outside at its other end that has no route to container networks. In: paths of two namespaces.
 * The addresses are those reserved for documentation (RFC 5737).
 */
import { inNamespace } from '../../src/kernel/namespace.ts';
import { mustRun } from '../../src/kernel/process.ts';

/** The host gets eth0 with 203.0.113.2; the outside has 203.0.113.1 on the wire, and 198.51.100.7. */
export async function wire(host: string, outside: string): Promise<void> {
  const at = (path: string, ...argv: readonly string[]) =>
    mustRun({ argv: inNamespace(path, ['ip', ...argv]) });
  await at(host, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', outside);
  await at(host, 'addr', 'add', '203.0.113.2/24', 'dev', 'eth0');
  await at(host, 'link', 'set', 'eth0', 'up');
  await at(outside, 'addr', 'add', '203.0.113.1/24', 'dev', 'up0');
  await at(outside, 'addr', 'add', '198.51.100.7/32', 'dev', 'lo');
  for (const dev of ['up0', 'lo']) await at(outside, 'link', 'set', dev, 'up');
  await at(host, 'route', 'add', 'default', 'via', '203.0.113.1');
}
