/**
 * How long planning takes: many networks, many published ports, for generations with few rules and with many. In: nothing.
 * Out: medians. Planning is pure, so that this is one function called again and again.
 */
import type { Intent } from '../src/intent/intent.ts';
import { planBridge } from '../src/plan/bridge/plan.ts';
import { generationOf } from '../src/plan/generation.ts';
import { intentOf, optionsOf } from '../test/support/plan.ts';
import { median } from './median.ts';

const rounds = 5;
const portsEach = 100;

/** Networks of 256 addresses each; containers with 100 ports each, on the networks in turn. */
function intentWith(networks: number, ports: number): Intent {
  const subnet = (index: number) => `10.${index >> 8}.${index & 255}`;
  const containers = Array.from({ length: ports / portsEach }, (_, index) => {
    const network = index % networks;
    const first = 10_000 + index * portsEach;
    return {
      name: `c${index}`,
      on: { [`net${network}`]: `${subnet(network)}.${2 + Math.floor(index / networks)}/24` },
      ports: Array.from({ length: portsEach }, (_, port) => `${first + port}:${port + 1}/tcp`),
    };
  });
  const made = Array.from({ length: networks }, (_, index) => ({
    name: `net${index}`,
    subnet: `${subnet(index)}.0/24`,
  }));
  return intentOf({ networks: made, containers });
}

console.log('engine    networks   ports   operations    rules       ms');
for (const [engine, networks, ports] of [
  ['17.06.2', 100, 0],
  ['28.5.2', 100, 0],
  ['29.7.2', 100, 0],
  ['17.06.2', 1, 10_000],
  ['28.5.2', 1, 10_000],
  ['29.7.2', 1, 10_000],
  ['17.06.2', 100, 10_000],
  ['29.7.2', 100, 10_000],
] as const) {
  const generation = generationOf(engine);
  if (generation === undefined) throw new Error(`no generation of ${engine}`);
  const input = { options: optionsOf(engine), intent: intentWith(networks, ports), generation };
  const times: number[] = [];
  let counts: readonly number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const plan = planBridge({ ...input, backend: 'iptables-nft' });
    times.push(performance.now() - start);
    const chains = plan.ruleset.tables.flatMap((table) => table.chains);
    counts = [plan.operations.length, chains.reduce((sum, { rules }) => sum + rules.length, 0)];
  }
  const columns = [networks, ports, ...counts, median(times).toFixed(0)];
  const widths = [8, 8, 13, 9, 9];
  console.log(
    [engine.padEnd(10), ...columns.map((value, at) => String(value).padStart(widths[at] ?? 0))].join(''),
  );
}
