/**
 * What the causes mean that other programs on the host bring about: firewalls, network managers, other engines, resolvers. In: a
 * story. Out: text in English, as in en-causes.ts.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import { noMasquerade, noStart } from './en-cause-words.ts';
import { solid } from './layout.ts';

export const programCauses = {
  'firewalld-reload-wiped-rules': (s) =>
    `${noMasquerade(s)}${s.param('count')} of Docker's rules are gone (table ${s.param('table')}), and firewalld runs here: it empties the tables of iptables when it reloads or starts. ` +
    "An engine that misses its signal does not put its rules back. Restarting Docker does, and so do the commands below, until firewalld's next reload.",
  'nft-flush-ruleset': (s) =>
    `${noMasquerade(s)}Docker's ${s.param('tables')} are gone whole. iptables never deletes a table, so that nft did: ${solid('flush ruleset')} takes the tables of all programs, and nftables.service runs it whenever it loads its file. ` +
    `Let the file delete its own table alone (${solid('destroy table inet NAME')}), then restart Docker.`,
  'engine-bug-overwrote-rules': (s) =>
    `${s.param('count')} rules of some networks are gone while those of others are there. Engine ${s.param('engine')} with iptables-nft is known for it: a network that is made later overwrites rules of one that was there. An upgrade ends it. Missing is ${solid(s.param('rule'))}`,
  'forward-policy-drop-hits-others': (s) =>
    `Bridge ${s.param('bridge')} is not Docker's, and what its guests send beyond it is dropped: no rule of filter/FORWARD accepts it, and the engine has set the policy of that chain to DROP, as it does where it turned forwarding on itself. Without that policy it would pass.`,
  'other-engine-blocked': (s) =>
    `Bridge ${s.param('bridge')} belongs to another container engine, whose rules do not accept all that its containers need; the rest falls to the policy of filter/FORWARD, which Docker has set to DROP.`,
  'ip6tables-turned-on': (s) =>
    `Bridge ${s.param('bridge')} is not Docker's, and its IPv6 is dropped: engine ${s.param('engine')} manages ip6tables by default, as engines before 27.0 did not, and has set the policy of FORWARD to DROP there.`,
  'container-dns-rules-missing': (s) =>
    `Inside container ${s.param('container')} ${s.param('count')} of the rules are missing that lead from ${solid('127.0.0.11:53')} to Docker's resolver, so that names are not answered there while addresses work: ${solid(s.param('rule'))}. The engine makes them when it connects the container; a kernel without what iptables needs in its namespace refuses them.`,
  'loopback-resolver': (s) =>
    s.param('taken') === ''
      ? `${s.param('containers')} would ask ${s.param('server')} for names. In a container that is the container itself, not the host, and nobody answers there.`
      : `The host's own name servers are on loopback, where no container reaches them, so dockerd gave ${s.param('containers')} public ones (${s.param('server')}): names of the site are unknown there, and a network that lets nobody ask outside answers none at all.`,
  'fallback-dns-blocked': (s) =>
    `dockerd found no name server that containers could ask and took public ones (${s.param('server')}), and its log says that they do not answer: the network seems to let only its own servers be asked.`,
  'networkd-manages-docker-links': (s) =>
    `systemd-networkd takes ${s.param('links')} for its own by ${solid(s.param('entry'))} in ${s.param('file')}. If it runs, it may take away the addresses and bridge ports that Docker has set, minutes later or when a container starts.`,
  'networkmanager-manages-docker-links': (s) =>
    `NetworkManager takes ${s.param('links')} for its own by ${solid(s.param('entry'))} in ${s.param('file')}. If it runs, it asks for an address by DHCP on the link of a new container, fails after 45 seconds, and takes the link off its bridge.`,
  'firewalld-zone-conflict': (s) =>
    `firewalld has the bridge in a zone already, and this engine takes that for an error. ${noStart(s)}`,
  'firewalld-zone-mismatch': (s) =>
    `Bridge ${s.param('bridge')} is in zone ${s.param('zone')} of firewalld, and the engine puts its bridges into zone docker. When it restores the network it may stop there, midway, and what that zone does not let pass is stopped.`,
  'firewalld-strict-forward-ports': (s) =>
    `firewalld lets no port be forwarded that it does not forward itself (StrictForwardPorts), and so stops the ports that Docker publishes: ${solid(s.param('rule'))}. Forward them in firewalld too, or set ${solid('StrictForwardPorts=no')} in firewalld.conf.`,
  'two-engines': (s) =>
    `Another dockerd runs on this host: ${solid(s.param('others'))}. Both take docker0, the chain DOCKER and the same subnets for their own, so that each spoils what the other made. Remove one of them (often one is a snap).`,
  'mtu-not-on-user-networks': (s) =>
    `The daemon's option mtu (${s.param('mtu')}) holds for the default network alone. The bridges of ${s.param('networks')} were made with a larger MTU, so that large packets of their containers may be lost where those of the default network are not.`,
  'address-pools-exhausted': (s) =>
    s.param('reason') !== ''
      ? noStart(s)
      : (s.param('full') === ''
          ? 'The engine found no free subnet for a network some time ago, as its log says; now there is one. '
          : `None of the ${s.param('pools')} subnets of the engine's pools is free: the next network without a subnet of its own cannot be made. `) +
        (s.param('routes') === ''
          ? `${s.param('networks')} are taken by networks.`
          : `Routes of the host cover many at once: ${s.param('routes')}.`),
} as const satisfies Partial<Record<Cause, (s: Story) => string>>;
