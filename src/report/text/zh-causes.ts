/**
 * What each cause means, in Chinese, in the words that Chinese network engineers use. In: a story. Out: text, in which rules and
 * commands are `solid`, so that no line break falls into them.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';
import {
  askedBy,
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
} from './zh-cause-words.ts';
import { beyondCauses } from './zh-causes-beyond.ts';
import { programCauses } from './zh-causes-programs.ts';

const gatewayModes: Readonly<Record<string, string>> = {
  routed: '不做 MASQUERADE，也不做端口映射，外部必须自己有到容器网段的路由',
  isolated: '网桥在主机上没有地址，容器之间可以互通，但到不了别处',
  'nat-unprotected': '做端口映射，但不保护未发布的端口',
};

const publishedOn = (s: Story) =>
  `端口只发布在主机的一个地址上，因为${askedBy(s)}：访问主机的其他地址时没有监听者。${restriction}`;

export const causes: Readonly<Record<Cause, (s: Story) => string>> = {
  ...beyondCauses,
  ...programCauses,
  'masquerade-disabled': (s) =>
    `${noMasquerade(s)}没有这条规则，是因为 ${setting(s)}` +
    (s.masquerade.rules.length === 0 ? '。' : `；如果为 true，dockerd 会添加 ${rules(s.masquerade.rules)}`),
  'network-masquerade-disabled': (s) =>
    `${noMasquerade(s)}没有这条规则，是因为${askedBy(s)}` +
    (s.masquerade.rules.length === 0 ? '。' : `；去掉该选项，dockerd 会添加 ${rules(s.masquerade.rules)}`),
  'iptables-disabled': (s) =>
    `${noMasquerade(s)}dockerd 没有创建任何防火墙规则，因为 ${setting(s)}：不做 MASQUERADE，发布的端口不做 DNAT，ip-masq 也不起作用。`,
  'ip6tables-disabled': (s) =>
    `dockerd 没有创建 IPv6 规则，因为 ${s.param('engine') === '' ? setting(s) : `${s.param('engine')} 版还没有这个功能（20.10 才有 ip6tables）`}：容器的 IPv6 包带着自己的地址发出去，外部没有回来的路；发布的端口在 IPv6 上只能经 userland-proxy 访问。`,
  'ip-forward-off': (s) =>
    `主机没有开启转发（${s.param('sysctl')} = ${s.param('value')}），容器发往网桥之外的包在路由阶段被丢弃。` +
    (s.because === undefined
      ? '可能是 dockerd 启动后被别的程序关掉的，也可能 dockerd 从未打开过它。'
      : `dockerd 没有打开转发，因为 ip-forward 的值是 false（${originText(s.because.origin)}）。`),
  'icc-disabled': (s) => `同一网桥上的容器不允许互相访问，因为${askedBy(s)}。${restriction}`,
  'internal-network': (s) =>
    `网络 ${s.param('network')} 是 internal 网络：容器之间可以互通，但访问不了网桥之外。${restriction}`,
  'gateway-mode': (s) => {
    const meaning = gatewayModes[s.param('value')];
    return `网络 ${s.param('network')} 的网关模式是 ${s.param('value')}${meaning === undefined ? '' : `：${meaning}`}。${restriction}`;
  },
  'published-on-loopback': publishedOn,
  'published-on-one-address': publishedOn,
  'userland-proxy-missing': (s) => {
    const ports = s.param('ports');
    return ports === ''
      ? `发布的端口上没有 docker-proxy 监听，因为 ${setting(s)}：没有被 DNAT 规则命中的连接找不到监听者。`
      : `${ports} 的 docker-proxy 进程已经不在（dockerd 曾启动过它）：没有被 DNAT 规则命中的连接找不到监听者。`;
  },
  'hairpin-off': (s) =>
    `网桥端口 ${s.param('link')} 没有开启 hairpin，不会把帧从它进来的端口再发回去，因此容器无法通过自己发布的端口访问自己。`,
  'rules-flushed': (s) =>
    `${noMasquerade(s)}Docker 的规则丢失了 ${s.param('count')} 条（${s.param('table')} 表）：dockerd 创建之后被别的程序清空。重启 Docker，或执行下面的命令，都可以恢复。`,
  'masquerade-rule-missing': (s) =>
    `${noMasquerade(s)}按配置应当有这条规则，dockerd 也创建过，后来被删除了：${ruleText(s)}`,
  'filter-rule-missing': (s) => missingRules(s, '本该放行的包没有被放行'),
  'dnat-rule-missing': (s) => missingRules(s, '发布的端口没有映射到容器'),
  'nat-jump-missing': (s) => missingRules(s, '流量进不到 Docker 的端口映射链'),
  'foreign-rule-drops': (s) => `${ruleOf(s)}拦下了这个包，它不是 Docker 创建的：${ruleText(s)}`,
  'foreign-nat-captures': (s) =>
    `${ruleOf(s)}先于 Docker 的规则改写了这个连接，它不是 Docker 创建的：${ruleText(s)}`,
  'masquerade-shadowed': (s) => {
    const unmasked = leavesUnmasked(s, ` ${ruleOf(s)}（不是 Docker 创建的）先于 Docker 的 MASQUERADE 生效`);
    return unmasked === ''
      ? `${ruleOf(s)}不是 Docker 创建的，却代替 Docker 的规则决定了源地址：${ruleText(s)}`
      : `${unmasked}这条规则是 ${ruleText(s)}`;
  },
  'snat-to-foreign-address': (s) =>
    s.param('rule') === ''
      ? `发出的包源地址被改写成 ${s.param('value')}，因为${askedBy(s)}，而主机的任何接口都没有这个地址，应答没有人接收。`
      : `${ruleOf(s)}把源地址改写成主机任何接口都没有的地址，应答没有人接收：${ruleText(s)}`,
  'stale-saved-rules': (s) =>
    `${ruleOf(s)}看起来像 Docker 创建的，但按现在的网络和容器，Docker 不会创建这样的规则：可能是恢复了保存过的规则，也可能是以前的引擎留下的。${ruleText(s)}`,
  'stale-forward-drop-beside-nftables': (s) =>
    `iptables 的 ${ruleOf(s)}是 DROP，这是使用 iptables 后端的引擎留下的。Docker 的规则现在在 nftables 里，但它们放行的包在这里仍会被丢弃，因为所有基础链都必须放行。`,
  'docker-user-drops-replies': (s) =>
    `${ruleOf(s)}把应答也拦下了，因为它排在所有识别容器连接的规则之前：${ruleText(s)}`,
  'docker-user-matches-host-port': (s) =>
    `${ruleOf(s)}匹配的是端口 ${s.param('port')}，即 ${s.param('container')} 发布在主机上的端口。filter 表在 DNAT 之后才执行，那时目的端口已经是容器的 ${s.param('containerPort')}，因此` +
    (s.param('serves') === ''
      ? `这条规则永远匹配不到这些流量：${ruleText(s)}`
      : `它匹配到的是 ${s.param('serves')} 的流量：${ruleText(s)}`),
  'forward-rule-before-docker': (s) =>
    `${ruleOf(s)}拦下了这个包；它不是 Docker 创建的，并且排在 Docker 的放行规则之前：${ruleText(s)}`,
  'input-blocks-container-to-host': (s) =>
    `容器发给主机自身的包（包括应答）走 filter/INPUT，不经过 Docker 的链；${ruleOf(s)}在那里把它丢弃：${ruleText(s)}`,
  'input-reject': (s) =>
    `容器发给主机自身的包走 filter/INPUT，不经过 Docker 的链；${ruleOf(s)}在那里拒绝了它：${ruleText(s)}`,
  'output-blocks-host': (s) =>
    `主机自身发出的包（包括应答）走 filter/OUTPUT；${ruleOf(s)}在那里拦下了它：${ruleText(s)}`,
  'legacy-and-nft-mixed': (s) =>
    `iptables-legacy 和 iptables-nft 里都有规则，每个包两边都要经过，一边放行并不算数。Docker 的规则在另一边；iptables-legacy 里 ${ruleOf(s)}拦下了这个包：${ruleText(s)}`,
  'firewalld-rejects-forward': (s) =>
    `不管 Docker 的规则怎样放行，firewalld 都在自己的 nftables 表里拦下了这个包：${ruleOf(s)}，${ruleText(s)}。` +
    `网桥 ${s.param('bridge')} 所在的区域不允许转发。`,
  'extra-base-chain-drops': (s) =>
    s.param('rule') !== ''
      ? `nftables 表 ${solid(s.param('table'))} 也要过一遍，它丢弃的包，Docker 的表放行也没有用：${ruleOf(s)}，${ruleText(s)}`
      : `nftables 表 ${solid(s.param('table'))} 也有自己的基础链（${chainsOf(s)}），其内容在这里没有求值。` +
        '没有它时这些流都是通的；如果它丢弃，Docker 表里的放行也无济于事，因为所有基础链都必须放行。',
  'container-firewall-drops': (s) =>
    `容器 ${s.param('namespace')} 内部，${ruleOf(s)}拦下了这个包：${ruleText(s)}`,
  'connection-untracked': (s) =>
    `${ruleOf(s)}使连接跟踪无法把它当作同一个连接，NAT 因此看不到它或它的应答：${ruleText(s)}`,
  'rate-limited': (s) => `${ruleOf(s)}拦下了超出限额的包：${ruleText(s)}`,
  'bridge-down': (s) => `网桥 ${s.param('link')} 没有启用或已不存在，任何帧都过不去。`,
  'bridge-renamed': (s) =>
    `网桥现在叫 ${s.param('link')}，而 Docker 的规则写的是 ${s.param('bridge')}，没有一条能匹配上。`,
  'bridge-address-missing': (s) =>
    s.because === undefined
      ? `网桥 ${s.param('bridge')} 丢失了地址 ${s.param('address')}，容器的网关没有人应答。`
      : `网桥没有地址，因为${askedBy(s)}：容器的网关没有人应答。${restriction}`,
  'bridge-port-blocks': (s) => {
    const meaning: Readonly<Record<string, string>> = {
      'learning, flood': '既不学习也不泛洪，因此没有帧会从它发往容器',
      isolated: '被设为 isolated，与其他 isolated 端口互不相通',
      state: '不处于 forwarding 状态',
    };
    return `网桥端口 ${s.param('link')} ${meaning[s.param('flag')] ?? `拦下了帧（${s.param('flag')}）`}。`;
  },
  'bridge-nf-with-forward-drop': (s) =>
    `同一网桥上容器之间的帧也要经过 iptables（${s.param('sysctl')} = ${s.param('value')}），在 filter/FORWARD 被拦下。`,
  'veth-detached': (s) =>
    `容器的主机侧网卡 ${s.param('link')} 没有接在网桥 ${s.param('bridge')} 上，容器发出的包无处可去。`,
  'container-link-down': (s) =>
    s.param('container') === ''
      ? `容器的主机侧网卡 ${s.param('link')} 没有启用。`
      : `容器 ${s.param('container')} 的网卡 ${s.param('link')} 没有启用。`,
  'container-route-wrong': (s) =>
    s.param('gateway') === ''
      ? `容器 ${s.param('container')} 没有默认路由；dockerd 给它的网关是 ${s.param('wanted')}。`
      : `容器 ${s.param('container')} 的默认路由指向 ${s.param('gateway')}；dockerd 给它的网关是 ${s.param('wanted')}。`,
  'container-address-wrong': (s) =>
    `容器 ${s.param('container')} 的地址是 ${s.param('address') || '空'}，而 dockerd 分配的是 ${s.param('wanted')}：发往后者的包没有人接收。`,
  'container-address-is-local': (s) =>
    `主机把容器的地址当成了自己的（路由 ${solid(s.param('route'))}），发给它的包到不了网桥。`,
  'container-not-running': (s) => `容器 ${s.param('container')} 没有运行，没有人应答。`,
  'none-or-host-network': (s) =>
    `容器 ${s.param('container')} 启动时没有接入任何网络，只有自己的回环接口。${restriction}`,
  'macvlan-host-isolation': (s) =>
    `容器 ${s.param('container')} 的网络是主机网卡的子接口（macvlan 或 ipvlan）：内核的设计就是主机与容器不能经由它互访。`,
  'uplink-down': (s) =>
    `上联口 ${s.param('link')} 没有启用，或者没有地址：主机的包出不去，外面的也进不来。` +
    (s.param('address') === ''
      ? ''
      : `这里认为它的地址是 ${s.param('address')}：外部访问的就是这个地址，它在邻居所在的网段里，而现在没有谁拥有它。`),
  'uplink-mtu-smaller': (s) =>
    `上联口 ${s.param('link')} 的 MTU 是 ${s.param('mtu')} 字节，而 ${s.param('containers')} 的网卡更大：` +
    '只有沿途每台路由器的 ICMP“需要分片”报文都能送达时，大包才能到达。' +
    (s.param('lowered') === ''
      ? ''
      : `如果上联网络承载得了 ${s.param('lowered')} 字节，就把上联口的 MTU 改回去；否则要把容器网卡的 MTU 改小。`),
  'no-default-route': () => '主机没有默认路由，不在直连网段上的目的地都无路可走。',
  'route-refuses': (s) => `主机的一条路由拒绝了这个目的地：${solid(s.param('route'))}`,
  'route-via-dead-link': (s) => `主机按这条路由发包，而它的下一跳从不应答：${solid(s.param('route'))}`,
  'subnet-overlap': (s) =>
    `主机的另一条路由覆盖了容器网段的地址，发给容器的包从那里走了：${solid(s.param('route'))}`,
  'stale-neighbour': (s) =>
    `邻居表把 ${s.param('link')} 上的 ${s.param('address')} 固定成 ${s.param('mac')}，而没有谁使用这个 MAC 地址：发给它的帧都丢失了。`,
  'interface-forwarding-off': (s) =>
    `${s.param('sysctl')} = ${s.param('value')}：虽然主机整体开启了转发，从该接口进来的包却不会被转发。`,
  'reverse-path-filter': (s) =>
    `反向路径过滤在该接口上是严格模式（${s.param('sysctl')}）：如果应答不会从同一接口出去，内核就丢弃进来的包。`,
  'route-localnet-off': (s) =>
    `内核不允许 127.0.0.0/8 从该接口进出（${s.param('sysctl')} = ${s.param('value')}），访问 localhost 的连接无法映射到容器。`,
  'mark-routes-elsewhere': (s) =>
    s.param('priority') === ''
      ? `${ruleOf(s)}给包打上了标记，策略路由又把带这个标记的包引向别处：${ruleText(s)}`
      : `优先级 ${s.param('priority')} 的策略路由让带标记的包查 ${s.param('table')} 表，从那里走向了别处。`,
  'reply-captured-by-other-table': (s) =>
    `优先级 ${s.param('priority')} 的策略路由先于主表查 ${s.param('table')} 表，把包引向了别处。`,
  'option-in-flag-and-file': noStart,
  'config-not-in-force': (s) =>
    `${setting(s)}，但没有生效：正在运行的引擎用的是 ${s.param('inForce')}。` +
    (s.param('why') === 'kept-by-network'
      ? 'dockerd 是在容器运行时以 live-restore 方式重启的，这时默认网络保持原样。'
      : '配置是在引擎启动之后改的，重新加载（SIGHUP）不会应用这一项。'),
  'store-and-kernel-differ': (s) =>
    `Docker 的存储（local-kv.db）和正在运行的引擎有 ${s.param('count')} 处网络或端点不一致。引擎下次启动时以存储为准。`,
  'declaration-differs': (s) =>
    `声明的网络与正在运行的引擎有 ${s.param('count')} 处不一致。规则以正在运行的引擎为准；声明的内容只有由创建网络的人去建立才会出现。`,
  'config-key-unknown': noStart,
  'address-options-invalid': noStart,
  'nftables-backend-needs-forwarding': (s) =>
    `使用 nftables 后端时，dockerd 不会替主机打开转发；转发关闭时它不创建任何网络。${noStart(s)}`,
  'engine-did-not-start': noStart,
};

function missingRules(s: Story, so: string): string {
  const count = Number(s.param('count'));
  return count > 1
    ? `dockerd 创建的规则缺了 ${count} 条，${so}：${ruleText(s)} 等`
    : `dockerd 创建的一条规则不见了，${so}：${ruleText(s)}`;
}
