import { describe, expect, it } from 'vitest';
import { emptyHost, firewalldHost } from '../../test/support/firewalld.ts';
import { parseSave } from '../firewall/save.ts';
import { firewalldMembers } from './firewalld.ts';

describe('firewalldMembers', () => {
  it('are read from all layouts of its native table', () => {
    expect(firewalldMembers(firewalldHost(['docker0', { goto: { target: 'filter_IN_docker' } }]))).toEqual(
      new Map([['docker0', 'docker']]),
    );
    expect(
      firewalldMembers(
        firewalldHost(
          ['docker0', { jump: { target: 'filter_IN_policy_allow-host-ipv6' } }],
          ['docker0', { jump: { target: 'filter_IN_docker_to_HOST' } }],
          ['eth0', { jump: { target: 'filter_IN_public_to_HOST' } }],
          ['lo', { accept: null }],
        ),
      ),
    ).toEqual(
      new Map([
        ['docker0', 'docker'],
        ['eth0', 'public'],
      ]),
    );
  });

  it('are read from its iptables chains', () => {
    const save =
      '*filter\n:INPUT ACCEPT [0:0]\n:INPUT_ZONES - [0:0]\n:IN_docker - [0:0]\n-A INPUT_ZONES -i docker0 -g IN_docker\nCOMMIT\n';
    const { tables } = parseSave(save, { backend: 'iptables-nft', family: 'ipv4', file: 'save' });
    expect(firewalldMembers({ ...emptyHost, firewall: { tables } })).toEqual(
      new Map([['docker0', 'docker']]),
    );
  });

  it('are unknown where nothing of firewalld is there', () => {
    expect(firewalldMembers(emptyHost)).toBeUndefined();
    expect(firewalldMembers(firewalldHost())).toEqual(new Map());
  });
});
