/**
 * What each cause means, in English: one or two sentences for a person who has to repair it at night. In: a story. Out: text, in
 * which rules and commands are `solid`, so that no line break falls into them.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import {
  askedBy,
  capital,
  chainsOf,
  leavesUnmasked,
  noMasquerade,
  noStart,
  originText,
  restriction,
  ruleOf,
  rules,
  ruleText,
  setting,
} from './en-cause-words.ts';
import { beyondCauses } from './en-causes-beyond.ts';
import { programCauses } from './en-causes-programs.ts';
import { solid } from './layout.ts';

const gatewayModes: Readonly<Record<string, string>> = {
  routed: 'nothing is masqueraded or mapped, so the outside needs a route of its own to the containers',
  isolated: 'the bridge has no address on the host, so its containers reach only each other',
  'nat-unprotected': 'ports are mapped, but unpublished ports are not protected',
};

const publishedOn = (s: Story) =>
  `Ports are published on one address of the host only, because ${askedBy(s)}: who asks another address finds nobody. ${restriction}`;

export const causes: Readonly<Record<Cause, (s: Story) => string>> = {
  ...beyondCauses,
  ...programCauses,
  'masquerade-disabled': (s) =>
    `${noMasquerade(s)}There is none because ${setting(s)}` +
    (s.masquerade.rules.length === 0 ? '.' : `; with it true the daemon adds ${rules(s.masquerade.rules)}`),
  'network-masquerade-disabled': (s) =>
    `${noMasquerade(s)}There is none because ${askedBy(s)}` +
    (s.masquerade.rules.length === 0
      ? '.'
      : `; without that option the daemon adds ${rules(s.masquerade.rules)}`),
  'iptables-disabled': (s) =>
    `${noMasquerade(s)}The daemon made no firewall rules at all, because ${setting(s)}: nothing is masqueraded, ` +
    'no published port is mapped by NAT, and ip-masq has no effect.',
  'ip6tables-disabled': (s) =>
    `The daemon made no IPv6 rules, because ${s.param('engine') === '' ? setting(s) : `dockerd ${s.param('engine')} makes none (ip6tables came with 20.10)`}: what containers send by IPv6 leaves with their own addresses, to which the outside ` +
    'has no way back, and published ports are open by IPv6 through the userland proxy alone.',
  'ip-forward-off': (s) =>
    `The host does not forward (${s.param('sysctl')} is ${s.param('value')}): what containers send beyond their bridge ends in its routing.` +
    (s.because === undefined
      ? ' Something switched it off after the daemon had started, or the daemon never switched it on.'
      : ` The daemon leaves it off because ip-forward is false (${originText(s.because.origin)}).`),
  'icc-disabled': (s) =>
    `Containers on the same bridge may not talk to each other, because ${askedBy(s)}. ${restriction}`,
  'internal-network': (s) =>
    `Network ${s.param('network')} is internal: its containers reach each other, and nothing beyond the bridge. ${restriction}`,
  'gateway-mode': (s) => {
    const meaning = gatewayModes[s.param('value')];
    return `Network ${s.param('network')} is in gateway mode ${s.param('value')}${meaning === undefined ? '' : `: ${meaning}`}. ${restriction}`;
  },
  'published-on-loopback': publishedOn,
  'published-on-one-address': publishedOn,
  'userland-proxy-missing': (s) => {
    const ports = s.param('ports');
    return ports === ''
      ? `No docker-proxy listens on the published ports, because ${setting(s)}: a connection that no DNAT rule takes meets no listener.`
      : `The docker-proxy of ${ports} is gone, though the daemon started one: a connection that no DNAT rule takes meets no listener.`;
  },
  'hairpin-off': (s) =>
    `Bridge port ${s.param('link')} does not send a frame back to where it came from (hairpin is off), so a container cannot reach itself through its published port.`,
  'rules-flushed': (s) =>
    `${noMasquerade(s)}${s.param('count')} of Docker's rules are gone (table ${s.param('table')}): something flushed them after the daemon had made them. ` +
    'Restarting Docker puts them back, and so do the commands below.',
  'masquerade-rule-missing': (s) =>
    `${noMasquerade(s)}The settings ask for one, and the daemon made it; something has removed it since: ${ruleText(s)}`,
  'filter-rule-missing': (s) => missingRules(s, 'so the packet is not accepted where Docker would accept it'),
  'dnat-rule-missing': (s) => missingRules(s, 'so the published port is not mapped to the container'),
  'nat-jump-missing': (s) => missingRules(s, "so nothing leads to Docker's port mappings any more"),
  'foreign-rule-drops': (s) =>
    `${capital(ruleOf(s))}, which is not Docker's, stops the packet: ${ruleText(s)}`,
  'foreign-nat-captures': (s) =>
    `${capital(ruleOf(s))}, which is not Docker's, takes the connection before Docker's own rule is asked: ${ruleText(s)}`,
  'masquerade-shadowed': (s) => {
    const unmasked = leavesUnmasked(
      s,
      `${ruleOf(s)}, which is not Docker's, is asked before Docker's MASQUERADE`,
    );
    return unmasked === ''
      ? `${capital(ruleOf(s))}, which is not Docker's, decides the source address in place of Docker's own rules: ${ruleText(s)}`
      : `${unmasked}The rule: ${ruleText(s)}`;
  },
  'snat-to-foreign-address': (s) =>
    s.param('rule') === ''
      ? `The source of what leaves is rewritten to ${s.param('value')}, because ${askedBy(s)}, and no link of the host has that address: nobody takes the answers.`
      : `${capital(ruleOf(s))} rewrites the source to an address that no link of the host has, so that nobody takes the answers: ${ruleText(s)}`,
  'stale-saved-rules': (s) =>
    `${capital(ruleOf(s))} looks like one that Docker makes, and for the networks and containers of now it makes none such: a saved set of rules was restored, or an earlier engine left it. ${ruleText(s)}`,
  'stale-forward-drop-beside-nftables': (s) =>
    `${capital(ruleOf(s))} of iptables is DROP, as an engine with the iptables backend leaves it. Docker's rules are in nftables now, and what they accept is dropped here all the same, since every base chain must accept.`,
  'docker-user-drops-replies': (s) =>
    `${capital(ruleOf(s))} stops the answers too, because it stands before every rule that knows the connections of containers: ${ruleText(s)}`,
  'docker-user-matches-host-port': (s) =>
    `${capital(ruleOf(s))} asks for port ${s.param('port')}, which is ${s.param('container')}'s port on the host. filter is asked after DNAT, when the packet goes to port ${s.param('containerPort')} of the container, so ` +
    (s.param('serves') === ''
      ? `the rule never matches that traffic: ${ruleText(s)}`
      : `the rule meets the traffic of ${s.param('serves')} in its place: ${ruleText(s)}`),
  'forward-rule-before-docker': (s) =>
    `${capital(ruleOf(s))} stops the packet; it is not Docker's, and stands before the rules of Docker that would accept: ${ruleText(s)}`,
  'input-blocks-container-to-host': (s) =>
    `What containers send to the host itself, answers included, passes filter/INPUT and none of Docker's chains; there ${ruleOf(s)} drops it: ${ruleText(s)}`,
  'input-reject': (s) =>
    `What containers send to the host itself passes filter/INPUT and none of Docker's chains; there ${ruleOf(s)} rejects it: ${ruleText(s)}`,
  'output-blocks-host': (s) =>
    `What the host itself sends, answers included, passes filter/OUTPUT; there ${ruleOf(s)} stops it: ${ruleText(s)}`,
  'legacy-and-nft-mixed': (s) =>
    "iptables-legacy and iptables-nft both hold rules, and every packet passes both, whatever one of them accepts. Docker's rules are in the other; " +
    `here ${ruleOf(s)} of iptables-legacy stops the packet: ${ruleText(s)}`,
  'firewalld-rejects-forward': (s) =>
    `firewalld stops the packet in its own nftables table, whatever Docker's rules accept: ${ruleOf(s)}, ${ruleText(s)}. ` +
    `The bridge ${s.param('bridge')} is not in a zone that lets it forward.`,
  'extra-base-chain-drops': (s) =>
    s.param('rule') !== ''
      ? `nftables table ${solid(s.param('table'))} is asked too, and an accept in the tables of Docker does not help against its drop: ` +
        `${ruleOf(s)}, ${ruleText(s)}`
      : `nftables table ${solid(s.param('table'))} is asked too, in base chains of its own (${chainsOf(s)}), and what it says is not evaluated here. ` +
        'Without it the flows work; if it drops, no accept in the tables of Docker helps, since all base chains must accept.',
  'container-firewall-drops': (s) =>
    `Inside the container ${s.param('namespace')}, ${ruleOf(s)} stops the packet: ${ruleText(s)}`,
  'connection-untracked': (s) =>
    `${capital(ruleOf(s))} keeps the connection from being tracked as one, so that NAT does not see it or its answers: ${ruleText(s)}`,
  'rate-limited': (s) => `${capital(ruleOf(s))} stops what is above its limit: ${ruleText(s)}`,
  'bridge-down': (s) => `The bridge ${s.param('link')} is down or gone: no frame passes it.`,
  'bridge-renamed': (s) =>
    `The bridge is now called ${s.param('link')}, and Docker's rules speak of ${s.param('bridge')}: none of them matches any more.`,
  'bridge-address-missing': (s) =>
    s.because === undefined
      ? `The bridge ${s.param('bridge')} has lost its address ${s.param('address')}: the containers' gateway does not answer.`
      : `The bridge has no address, because ${askedBy(s)}: the containers' gateway does not answer. ${restriction}`,
  'bridge-port-blocks': (s) => {
    const meaning: Readonly<Record<string, string>> = {
      'learning, flood': 'neither learns nor floods, so no frame is ever sent out to its container',
      isolated: 'is isolated: frames of other isolated ports do not reach it',
      state: 'is not in state forwarding',
    };
    return `Bridge port ${s.param('link')} ${meaning[s.param('flag')] ?? `stops frames (${s.param('flag')})`}.`;
  },
  'bridge-nf-with-forward-drop': (s) =>
    `Frames between containers on one bridge pass iptables too (${s.param('sysctl')} is ${s.param('value')}), and filter/FORWARD stops them there.`,
  'veth-detached': (s) =>
    `${s.param('link')}, the host's end of a container's link, is not attached to ${s.param('bridge')}: what the container sends goes nowhere.`,
  'container-link-down': (s) =>
    s.param('container') === ''
      ? `${s.param('link')}, the host's end of a container's link, is down.`
      : `Interface ${s.param('link')} of container ${s.param('container')} is down.`,
  'container-route-wrong': (s) =>
    s.param('gateway') === ''
      ? `Container ${s.param('container')} has no default route; the engine gave it one via ${s.param('wanted')}.`
      : `The default route of container ${s.param('container')} goes via ${s.param('gateway')}; the engine set it to ${s.param('wanted')}.`,
  'container-address-wrong': (s) =>
    `Container ${s.param('container')} has ${s.param('address') || 'no address'} where the engine gave it ${s.param('wanted')}: what is sent to that address finds nobody.`,
  'container-address-is-local': (s) =>
    `The host takes a container's address for its own, by the route ${solid(s.param('route'))}: packets to it never reach the bridge.`,
  'container-not-running': (s) => `Container ${s.param('container')} is not running: nobody answers for it.`,
  'none-or-host-network': (s) =>
    `Container ${s.param('container')} was started without a network: it has nothing but its loopback. ${restriction}`,
  'macvlan-host-isolation': (s) =>
    `The network of container ${s.param('container')} is a child of a link of the host (macvlan or ipvlan): by design of the kernel host and container do not reach each other over it.`,
  'uplink-down': (s) =>
    `The uplink ${s.param('link')} is down or has no address: nothing leaves this host, and nothing comes in.` +
    (s.param('address') === ''
      ? ''
      : ` Its address is taken for ${s.param('address')}: that is asked for from outside, it is of the neighbour's subnet, and nobody has it.`),
  'uplink-mtu-smaller': (s) =>
    `The uplink ${s.param('link')} takes packets of ${s.param('mtu')} bytes, and the links of ${s.param('containers')} larger ones: ` +
    'large packets arrive only as long as every router on the way may send its ICMP "fragmentation needed".' +
    (s.param('lowered') === ''
      ? ''
      : ` If the network behind it carries ${s.param('lowered')} bytes, give them back to the uplink; if not, the containers' links have to be smaller.`),
  'no-default-route': () =>
    'The host has no default route: what is not on its own subnets has nowhere to go.',
  'route-refuses': (s) => `A route of the host refuses the destination: ${solid(s.param('route'))}`,
  'route-via-dead-link': (s) =>
    `The host sends the packet by a route whose next hop never answers: ${solid(s.param('route'))}`,
  'subnet-overlap': (s) =>
    `Another route of the host covers addresses of a container network, so packets for containers leave by it: ${solid(s.param('route'))}`,
  'stale-neighbour': (s) =>
    `The neighbour table fixes ${s.param('address')} on ${s.param('link')} to ${s.param('mac')}, and nobody has that MAC address: frames to it are lost.`,
  'interface-forwarding-off': (s) =>
    `${s.param('sysctl')} is ${s.param('value')}: what comes in there is not forwarded, although the host as a whole forwards.`,
  'reverse-path-filter': (s) =>
    `The kernel drops what comes in by an interface that it would not use to answer: the reverse path filter is strict there (${s.param('sysctl')}).`,
  'route-localnet-off': (s) =>
    `The kernel does not let 127.0.0.0/8 leave or enter by this interface (${s.param('sysctl')} is ${s.param('value')}), so a connection to localhost cannot be mapped to a container.`,
  'mark-routes-elsewhere': (s) =>
    s.param('priority') === ''
      ? `${capital(ruleOf(s))} marks the packet, and a policy rule routes that mark elsewhere: ${ruleText(s)}`
      : `Policy rule ${s.param('priority')} sends marked packets to table ${s.param('table')}, where their way leads elsewhere.`,
  'reply-captured-by-other-table': (s) =>
    `Policy rule ${s.param('priority')} has table ${s.param('table')} asked before the main one, and it sends the packet another way.`,
  'option-in-flag-and-file': noStart,
  'config-not-in-force': (s) =>
    `${setting(s)}, but that is not in force: the running engine has ${s.param('inForce')}. ` +
    (s.param('why') === 'kept-by-network'
      ? 'It was restarted with live-restore while containers ran, and then it leaves its default network as it was.'
      : 'The configuration was changed after the engine started, and a reload does not apply it.'),
  'store-and-kernel-differ': (s) =>
    `Docker's store (local-kv.db) and the running engine differ in ${s.param('count')} network${s.param('count') === '1' ? '' : 's'} or endpoint${s.param('count') === '1' ? '' : 's'}. ` +
    'When the engine starts again it goes by the store.',
  'declaration-differs': (s) =>
    `The networks that were declared and those of the running engine differ in ${s.param('count') === '1' ? 'one place' : `${s.param('count')} places`}. The rules follow the running engine; what was declared is made by nobody but whoever creates the networks.`,
  'config-key-unknown': noStart,
  'address-options-invalid': noStart,
  'nftables-backend-needs-forwarding': (s) =>
    `With its nftables backend dockerd turns forwarding on for nobody, and makes no network while it is off. ${noStart(s)}`,
  'engine-did-not-start': noStart,
};

function missingRules(s: Story, so: string): string {
  const count = Number(s.param('count'));
  const what =
    count > 1 ? `${count} rules that the daemon made are missing` : 'A rule that the daemon made is missing';
  return `${what}, ${so}: ${ruleText(s)}${count > 1 ? ' and others' : ''}`;
}
