import { describe, expect, it } from 'vitest';
import { isRuleError, parseRuleArgs } from './args.ts';
import { type Owner, ownerOfChain, ownerOfNftTable, ownerOfRule } from './owners.ts';

function ruleOwner(chain: string, args: readonly string[]): string | undefined {
  const rule = parseRuleArgs(args, 'ipv4');
  if (isRuleError(rule)) throw new Error(args.join(' '));
  const found = ownerOfRule(chain, rule);
  return found === undefined ? undefined : `${found.owner} by ${found.because.kind} ${found.because.name}`;
}

describe('ownerOfChain', () => {
  it.each<[Owner, ...string[]]>([
    ['ufw', 'ufw-before-input', 'ufw6-user-forward', 'ufw-docker-logging-deny'],
    [
      'firewalld',
      'INPUT_direct',
      'FORWARD_IN_ZONES',
      'IN_public_allow',
      'FWDO_docker',
      'FORWARD_POLICIES_pre',
    ],
    ['kube-proxy', 'KUBE-SERVICES', 'KUBE-SEP-22WIU4LE', 'KUBE-FIREWALL'],
    ['kube-router', 'KUBE-ROUTER-FORWARD', 'KUBE-POD-FW-ABCDEF', 'KUBE-NWPLCY-DEFAULT'],
    ['calico', 'cali-FORWARD', 'cali-tw-cali1234'],
    ['cilium', 'CILIUM_FORWARD', 'OLD_CILIUM_POST_nat'],
    ['flannel', 'FLANNEL-POSTRTG'],
    ['weave', 'WEAVE', 'WEAVE-NPC'],
    ['antrea', 'ANTREA-FORWARD'],
    ['istio', 'ISTIO_REDIRECT'],
    ['cni', 'CNI-HOSTPORT-DNAT', 'CNI-FORWARD', 'CNI-ADMIN', 'CNI-DN-abcdef'],
    ['podman', 'NETAVARK_FORWARD', 'NETAVARK-HOSTPORT-DNAT'],
    ['tailscale', 'ts-input', 'ts-postrouting'],
    ['libvirt', 'LIBVIRT_FWI'],
    ['fail2ban', 'f2b-sshd', 'fail2ban-ssh'],
    ['crowdsec', 'CROWDSEC_CHAIN'],
    ['sshguard', 'sshguard'],
    ['netbird', 'NETBIRD-RT-FWD'],
    ['balena', 'BALENA-FIREWALL', 'BALENA'],
    ['csf', 'LOCALINPUT', 'DENYOUT', 'LOGDROPIN', 'ALLOWIN'],
    ['shorewall', 'net-fw', 'loc2net', 'net_frwd', 'shorewall'],
    ['networkmanager', 'nm-sh-in-wlan0'],
    ['miniupnpd', 'MINIUPNPD-POSTROUTING'],
  ])('knows %s', (owner, ...chains) => {
    expect(chains.map((chain) => ownerOfChain(chain)?.owner)).toEqual(chains.map(() => owner));
  });

  it.each(['INPUT', 'FORWARD', 'DOCKER', 'DOCKER-USER', 'DOCKER_OUTPUT', 'MYCHAIN', 'in', 'logdrop', 'A1'])(
    'says nothing of %s',
    (chain) => {
      expect(ownerOfChain(chain)).toBeUndefined();
    },
  );
});

describe('ownerOfNftTable', () => {
  it.each<[Owner, string]>([
    ['firewalld', 'firewalld'],
    ['podman', 'netavark'],
    ['kube-proxy', 'kube-proxy'],
    ['cni', 'cni_hostport'],
    ['libvirt', 'libvirt_network'],
    ['fail2ban', 'f2b-table'],
    ['crowdsec', 'crowdsec6'],
    ['wireguard', 'wg-quick-wg0'],
    ['systemd-networkd', 'io.systemd.nat'],
    ['networkmanager', 'nm-shared-wlan0'],
    ['flannel', 'flannel-ipv4'],
    ['incus', 'incus'],
  ])('knows %s', (owner, table) => {
    expect(ownerOfNftTable(table)).toEqual({ owner, because: { kind: 'table', name: table } });
  });

  it('says nothing of tables with names that anybody gives', () => {
    for (const table of ['filter', 'nat', 'docker-bridges', 'x'])
      expect(ownerOfNftTable(table)).toBeUndefined();
  });
});

describe('ownerOfRule', () => {
  it('asks the chain, then the jump, then what the rule says', () => {
    expect(ruleOwner('ufw-user-input', ['-i', 'wg0', '-j', 'ACCEPT'])).toBe('ufw by chain ufw-user-input');
    expect(ruleOwner('FORWARD', ['-i', 'virbr0', '-j', 'LIBVIRT_FWI'])).toBe('libvirt by jump LIBVIRT_FWI');
    expect(
      ruleOwner('POSTROUTING', ['-m', 'comment', '--comment', 'cali:abc', '-j', 'cali-POSTROUTING']),
    ).toBe('calico by jump cali-POSTROUTING');
    expect(
      ruleOwner('POSTROUTING', [
        ...['-s', '10.244.0.0/16', '-m', 'comment', '--comment', 'flanneld masq', '-j', 'MASQUERADE'],
      ]),
    ).toBe('flannel by comment flanneld masq');
    expect(ruleOwner('INPUT', ['-m', 'set', '--match-set', 'crowdsec-blacklists', 'src', '-j', 'DROP'])).toBe(
      'crowdsec by set crowdsec-blacklists',
    );
    expect(ruleOwner('FORWARD', ['-m', 'mark', '--mark', '0x40000/0xff0000', '-j', 'ACCEPT'])).toBe(
      'tailscale by mark 0x40000/0xff0000',
    );
    expect(ruleOwner('FORWARD', ['-i', 'wg0', '-j', 'ACCEPT'])).toBe('wireguard by interface wg0');
    expect(ruleOwner('FORWARD', ['-o', 'zt7nnig34d', '-j', 'ACCEPT'])).toBe(
      'zerotier by interface zt7nnig34d',
    );
  });

  it('says nothing of what a person or a saved file may have put there', () => {
    for (const args of [
      ['-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'],
      ['-m', 'mark', '--mark', '0x1', '-j', 'ACCEPT'],
      ['-m', 'comment', '--comment', 'our office', '-j', 'ACCEPT'],
      ['-i', 'eth0', '-j', 'DROP'],
    ])
      expect(ruleOwner('INPUT', args)).toBeUndefined();
  });
});
