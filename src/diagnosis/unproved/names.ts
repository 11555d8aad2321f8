/**
 * Names that a container asks for and that only `--add-host` would define. In: failing questions for names. Out: suspicions.
 */
import type { Detector } from './case.ts';

/** Docker Desktop defines them; on Linux nobody does (docker run, `host-gateway`, since 20.10). */
const gatewayNames: readonly string[] = ['host.docker.internal', 'gateway.docker.internal'];

export const missingGatewayNames: Detector = ({ expected, unhealed }) =>
  (expected?.intent.sandboxes ?? []).flatMap((sandbox) => {
    const failing = unhealed.filter(({ flow }) => {
      const name = nameOf(flow.qname);
      return (
        flow.kind === 'dns' &&
        flow.from === sandbox.name &&
        gatewayNames.includes(name) &&
        !(sandbox.addedHosts ?? []).includes(name)
      );
    });
    const [first] = failing;
    if (first === undefined) return [];
    const name = nameOf(first.flow.qname);
    return [
      {
        cause: 'host-gateway-name-missing',
        severity: 'error',
        params: { container: sandbox.name, name },
        failing,
        hop: sandbox.name,
        evidence: [
          {
            file: 'docker-container-inspect.json',
            text: `${sandbox.name}: HostConfig.ExtraHosts does not have ${name}`,
          },
        ],
        repairs: [
          { kind: 'config', change: `recreate ${sandbox.name} with --add-host ${name}:host-gateway` },
        ],
      },
    ];
  });

function nameOf(qname: string | undefined): string {
  return (qname ?? '').replace(/\.$/, '').toLowerCase();
}
