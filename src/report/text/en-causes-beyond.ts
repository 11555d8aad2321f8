/**
 * What causes beyond rules and routes mean, in English: services, networks kept apart, the kernel, what engine and log say. In: a
 * story. Out: text, in which rules and commands are `solid`. The other causes stand in en-causes.ts.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';

/** `rule 1 of filter/INPUT`, or its policy. */
function ruleOf(s: Story): string {
  const chain = `${s.param('table')}/${s.param('chain')}`;
  const position = s.param('position');
  return position === '0' ? `the policy of ${chain}` : `rule ${position} of ${chain}`;
}

/** `before`, where there is something to say. */
const unlessEmpty = (text: string, sentence: string) => (text === '' ? '' : sentence);

const asked = 'This was asked for.';
const said = (s: Story) => unlessEmpty(s.param('reason'), ` dockerd says: ${solid(s.param('reason'))}`);

export const beyondCauses = {
  'service-not-listening': (s) =>
    `The packet arrives in container ${s.param('container')}, and nothing listens there on port ${s.param('port')} of this address` +
    (s.param('listens') === ''
      ? '.'
      : `; what listens is ${s.param('listens')}. A service that binds 127.0.0.1, or another port than the published one, is not reached from outside its container.`),
  'networks-isolated': (s) =>
    `Containers ${s.param('container')} and ${s.param('peer')} have no network in common: ${s.param('container')} is on ${s.param('own')}, ` +
    `${s.param('peer')} on ${s.param('network')}, and the engine keeps its networks apart. Neither address nor name leads across. ${asked}`,
  'gateway-on-other-network': (s) =>
    `Container ${s.param('container')} is on several networks, and a container has one way out: it is ${s.param('through')}` +
    unlessEmpty(s.param('wanted'), `, where it would have to be ${s.param('wanted')}`) +
    `. Ports are published, and answers leave, on that one alone.` +
    unlessEmpty(s.param('ports'), ` Not published: ${s.param('ports')}.`),
  'direct-access-dropped': (s) =>
    `Since 28.0 the engine drops what comes from outside straight to the address of a container (${s.param('address')}, network ${s.param('network')}) ` +
    `instead of to a published port. It does so before connection tracking and DOCKER-USER are asked. ${asked}`,
  'bridge-nf-off': (s) =>
    `Frames between containers on one bridge pass by iptables (${s.param('sysctl')} is ${s.param('value') || 'not there'}): ` +
    (s.param('restriction') === ''
      ? 'an answer does not go back through the NAT of its request.'
      : `this is not enforced between them: ${solid(s.param('restriction'))}`),
  'policy-routing-misses-containers': (s) =>
    `A policy rule sends what comes from ${s.param('address')} by table ${s.param('table')}, but not what comes from ${s.param('subnet')}. ` +
    "Answers of a published port are routed while they have the container's address, so they leave by another uplink than the question came in by.",
  'duplicate-mac': (s) =>
    `Containers ${s.param('containers')} have the same MAC address ${s.param('mac')} on bridge ${s.param('bridge')}: it sends to whichever it heard last.`,
  'arp-suppressed': (s) =>
    `A device does not answer ARP for all addresses of its host (${s.param('sysctl')} is ${s.param('value')}), so nobody finds out where to send the packet.`,
  'path-mtu-black-hole': (s) =>
    `A router or link takes only smaller packets and says so by ICMP, but ${ruleOf(s)} stops that message: the sender goes on with packets that are too large. ` +
    `${solid(s.param('rule'))}`,
  'host-firewall-blocks-proxied-port': (s) =>
    `Port ${s.param('port')} is served by the userland proxy for these clients, not by NAT. So their packets are for the host itself and pass filter/INPUT; there ${ruleOf(s)} stops them: ${solid(s.param('rule'))}`,
  'dnat-before-netfilter': (s) =>
    `A program on ${s.param('link')} (${s.param('program')}) may rewrite packets before netfilter sees them. What it sends to a container's own address is dropped as direct access by the engine's rules in raw/PREROUTING.`,
  'ipv6-router-advertisements-ignored': (s) =>
    `The host forwards IPv6, and then the kernel ignores router advertisements on ${s.param('link')} (${s.param('sysctl')} is ${s.param('value')}): ` +
    'a default route that came with them runs out and is not renewed.',
  'ipv6-neighbour-proxy-missing': (s) =>
    `The network ${s.param('network')} uses ${s.param('subnet')}, which is on the link of ${s.param('link')} for its neighbours: they ask there for the address of the container, and nobody answers for it.`,
  'proxy-hides-ipv6-client': (s) =>
    `IPv6 clients of port ${s.param('port')} reach container ${s.param('container')}, which has no IPv6 address, through the userland proxy: it sees them all as ${s.param('gateway')}.`,
  'ipv4-disabled-on-network': (s) =>
    `Network ${s.param('network')} was made without IPv4: there is no IPv4 address there for ${s.param('containers')}. ${asked}`,
  'host-gateway-name-missing': (s) =>
    `Container ${s.param('container')} asks for ${s.param('name')}, and on Linux nobody defines that name unless the container is started with --add-host.`,
  'uplink-in-vrf': (s) =>
    `The uplink ${s.param('link')} belongs to the VRF ${s.param('vrf')}, and the default route stands in its table ${s.param('table')}: what containers send asks the main table, which has none.`,
  'wsl2-loopback': (s) =>
    `This is WSL2 with mirrored networking (${s.param('link')}): connections from Windows to 127.0.0.1 come in there, and engine ${s.param('engine')} has no rules for them. 28.0 has.`,
  'upstream-drops': (s) =>
    `The packet leaves this host by ${s.param('link')} as ${s.param('source')}, and nothing here is wrong with it; the answer does not come back. ` +
    'What decides is beyond this host: a security group, a check of source addresses, or a missing route back.',
  'stale-conntrack': (s) =>
    `${s.param('count')} tracked UDP connection(s) to port ${s.param('port')} began before its port mapping was there, or with another container: NAT is asked for the first packet only, so these clients go on as before until they pause.`,
  'conntrack-full': (s) =>
    s.param('used') === ''
      ? 'The table of tracked connections was full: the kernel dropped packets of new connections.'
      : `The table of tracked connections holds ${s.param('used')} of ${s.param('max')}: when it is full the kernel drops packets of new connections.`,
  'invalid-state-dropped': (s) =>
    `${ruleOf(s)} drops what connection tracking calls INVALID, ${solid(s.param('rule'))}. Where one direction takes another way, or the window is misread, that hits good connections.`,
  'checksum-offload': (s) =>
    `The kernel complains of wrong checksums of ${s.param('link') || 'a link'}: the card, or the host below, fills them in wrongly, and receivers drop such packets.`,
  'host-port-taken': (s) =>
    `The engine could not start container ${s.param('container')}: ${s.param('address')} of the host is taken` +
    `${unlessEmpty(s.param('holder'), ` by ${s.param('holder')}`)}.${said(s)}`,
  'publish-address-not-local': (s) =>
    `Container ${s.param('container')} publishes a port on ${s.param('address')}, which is no address of this host.${said(s)}`,
  'addresses-exhausted': (s) =>
    `Network ${s.param('network') || '(unknown)'} has no free address left${unlessEmpty(s.param('pool'), ` in ${s.param('pool')}`)}.${said(s)}`,
  'user-bridge-unready': (s) =>
    `The bridge ${s.param('bridge')} that dockerd is told to use is not there or has no address: dockerd makes no bridge but docker0.${said(s)}`,
  'driver-not-in-kernel': (s) =>
    `The kernel lacks a link type or protocol that was asked for${unlessEmpty(s.param('container'), ` (container ${s.param('container')})`)}.${said(s)}`,
  'kernel-modules-gone': (s) =>
    `The running kernel cannot load its modules any more${unlessEmpty(s.param('kernel'), ` (there is no /lib/modules/${s.param('kernel')})`)}: it was upgraded, and the host was not restarted since.${said(s)}`,
  'xtables-extension-missing': (s) =>
    `The kernel lacks an extension that the engine's rules use${unlessEmpty(s.param('extension'), ` (${s.param('extension')})`)}, so that they cannot be made.${said(s)}`,
  'iptables-cannot-read-nft': (s) =>
    `Somebody put rules of nft into ${s.param('table') || 'a table'} that iptables cannot read: it can neither list nor check that table, and neither can dockerd.`,
  'xtables-lock-contention': (s) =>
    `dockerd waited for the lock of iptables ${s.param('count')} time(s): other programs call iptables all the time. Starts are slow, and rules may be missing.`,
  'resolver-overloaded': (s) =>
    `The engine's resolver could not keep up with the questions of containers (${s.param('count')} time(s) in the log), so that names fail now and then.${said(s)}`,
  'libseccomp-too-old': (s) =>
    `libseccomp ${s.param('version')} on ${s.param('architecture')} does not know the 64-bit time calls of newer images: they are refused in containers, and names and connections fail as if it were the network.`,
  'store-inconsistent': (s) =>
    `Docker's store (local-kv.db) contradicts itself in ${s.param('count')} place(s), and dockerd may refuse to start with it or keep what nobody uses.${said(s)}`,
} as const satisfies Partial<Record<Cause, (s: Story) => string>>;
