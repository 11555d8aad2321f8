/**
 * Containers that do not run: nothing answers for them, and no rule can change that.
 * In: what the engine says of its containers. Out: findings of severity info.
 */
import type { Expected } from '../plan/expected.ts';
import type { Finding } from './finding.ts';

export function stoppedContainers(expected: Expected | undefined): Finding[] {
  return (expected?.intent.sandboxes ?? [])
    .filter((s) => !s.running)
    .map((sandbox) => ({
      cause: 'container-not-running',
      severity: 'info',
      params: { container: sandbox.name },
      flows: [],
      hop: sandbox.name,
      because: [],
      evidence: [{ file: 'docker-container-inspect.json', text: `${sandbox.name}: not running` }],
      repairs: [{ kind: 'command', change: `docker start ${sandbox.name}` }],
      changes: [],
      proof: { flows: [], newlyAllowed: [] },
    }));
}
