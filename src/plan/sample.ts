/**
 * A sample of what a configuration is for: the default network with one container that publishes a port. In: Options and a generation.
 * Out: an Intent, or why the default network cannot be made. For questions about settings that no real host is asked.
 */
import type { Intent } from '../intent/intent.ts';
import { nextAddress } from '../intent/ipam.ts';
import type { Options } from '../options/options.ts';
import { defaultNetwork } from './bridge/default-network.ts';
import type { Generation } from './plan.ts';

/** The default network with one container, web, published as 8080:80; a text if the network cannot be made. */
export function sampleIntent(options: Options, generation: Generation): Intent | string {
  const made = defaultNetwork(options, generation);
  if (made.kind === 'impossible') return made.why;
  if (made.kind === 'none') return { networks: [], sandboxes: [] };
  const addresses = made.network.ipam.flatMap((config) => nextAddress(config, []) ?? []);
  if (addresses.length < made.network.ipam.length)
    return 'the default network has no address for a container';
  return {
    networks: [made.network],
    sandboxes: [
      {
        id: 'web',
        name: 'web',
        mode: { kind: 'own' },
        running: true,
        endpoints: [
          {
            network: made.network.id,
            id: 'web',
            addresses,
            ports: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }],
          },
        ],
      },
    ],
  };
}
