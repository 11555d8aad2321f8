/**
 * G7 and G8 against moby's source and rule documents of 28.0.1, 28.1.1 and 28.2.1: what they do otherwise than 28.5.2.
 */
import { describe, expect, it } from 'vitest';
import { commandsOf, type HostSpec, planOf, ruleChanges, rulesOf } from '../../../test/support/plan.ts';

const host: HostSpec = {
  engine: '28.5.2',
  containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp'] }],
};

function rules(spec: HostSpec): readonly string[] {
  return rulesOf(planOf(spec));
}

/** What an engine's rules lack of those of 28.5.2, and what they have besides. */
function difference(engine: string): ReturnType<typeof ruleChanges> {
  return ruleChanges(host, { ...host, engine });
}

describe('earlier engines of 28', () => {
  const drop = 'raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP';
  const dropPort = 'raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP';
  const ending = 'filter -A DOCKER-USER -j RETURN';

  it('28.2.0 and 28.2.1 end the chain of the administrator with a RETURN', () => {
    expect(difference('28.2.1')).toEqual({ gone: ['filter -N DOCKER-USER'], come: [ending] });
    expect(rules({ ...host, engine: '28.2.1' })).toContain(drop);
  });

  it('28.0.1 to 28.1 guard containers port by port, unless that is forbidden', () => {
    for (const version of ['28.0.1', '28.1.1'])
      expect(difference(version)).toEqual({
        gone: [drop, 'filter -N DOCKER-USER'],
        come: [dropPort, ending],
      });
    const env = { DOCKER_INSECURE_NO_IPTABLES_RAW: '1' };
    expect(rules({ ...host, engine: '28.0.2', env })).not.toContain(dropPort);
    expect(rules({ ...host, engine: '28.0.1', env })).toContain(dropPort);
    const mode = (value: string) => ({ 'com.docker.network.bridge.gateway_mode_ipv4': value });
    for (const value of ['routed', 'nat-unprotected']) {
      const networks = [{ name: 'net', subnet: '172.17.0.0/16', options: mode(value) }];
      const containers = [{ name: 'web', on: { net: '172.17.0.2/16' }, ports: ['8080:80/tcp'] }];
      expect(rules({ engine: '28.1.1', networks, containers }).some((rule) => rule.startsWith('raw'))).toBe(
        false,
      );
    }
  });

  it('28.0.1 forgets chains and leaves routed networks to the proxy', () => {
    const commands = (version: string) => commandsOf(planOf({ ...host, engine: version }));
    expect(commands('28.0.2')).toContain('? filter -X DOCKER-CT');
    expect(commands('28.0.1')).not.toContain('? filter -X DOCKER-CT');
    expect(commands('28.0.1')).not.toContain('? filter -F DOCKER-BRIDGE');
    expect(commands('28.0.1')).toContain('? filter -F DOCKER-FORWARD');
    const options = {
      'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
    };
    const routed = (version: string) =>
      rules({ engine: version, networks: [{ name: 'net', subnet: '172.18.0.0/16', options }] });
    expect(routed('28.0.1')).toContain('nat -A DOCKER -i br-net -j RETURN');
    expect(routed('28.0.2')).not.toContain('nat -A DOCKER -i br-net -j RETURN');
  });
});
