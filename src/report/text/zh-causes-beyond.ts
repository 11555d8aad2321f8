/**
 * What causes beyond rules and routes mean, in Chinese. In: a story. Out: text, in which rules and commands are `solid`. The other
 * causes stand in zh-causes.ts.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';

function ruleOf(s: Story): string {
  const chain = `${s.param('table')}/${s.param('chain')}`;
  const position = s.param('position');
  return position === '0' ? `${chain} 的默认策略` : `${chain} 的第 ${position} 条规则`;
}

const unlessEmpty = (text: string, sentence: string) => (text === '' ? '' : sentence);

const asked = '这是按配置生效的限制，不是故障。';
const said = (s: Story) => unlessEmpty(s.param('reason'), `dockerd 的说法：${solid(s.param('reason'))}`);

export const beyondCauses = {
  'service-not-listening': (s) =>
    `包到了容器 ${s.param('container')}，但那里没有服务在这个地址的 ${s.param('port')} 端口上监听` +
    (s.param('listens') === ''
      ? '。'
      : `；实际监听的是 ${s.param('listens')}。服务只绑定 127.0.0.1，或者端口与发布的不一致，从容器外面就访问不到。`),
  'networks-isolated': (s) =>
    `容器 ${s.param('container')} 和 ${s.param('peer')} 没有共同的网络：${s.param('container')} 在 ${s.param('own')}，` +
    `${s.param('peer')} 在 ${s.param('network')}，而 Docker 的网络之间互相隔离，用地址、用名字都过不去。${asked}`,
  'gateway-on-other-network': (s) =>
    `容器 ${s.param('container')} 接入了多个网络，但出口只有一个，现在是 ${s.param('through')}` +
    unlessEmpty(s.param('wanted'), `，而应当是 ${s.param('wanted')}`) +
    '。端口只在出口所在的网络上发布，应答也只从那里出去。' +
    unlessEmpty(s.param('ports'), `没有发布的端口：${s.param('ports')}。`),
  'direct-access-dropped': (s) =>
    `从 28.0 起，外部绕过发布的端口、直接发往容器地址（${s.param('address')}，网络 ${s.param('network')}）的包会被引擎丢弃，` +
    `而且早于连接跟踪和 DOCKER-USER。${asked}`,
  'bridge-nf-off': (s) =>
    `同一网桥上容器之间的帧不经过 iptables（${s.param('sysctl')} = ${s.param('value') || '不存在'}）：` +
    (s.param('restriction') === ''
      ? '应答不会经过请求所做的 NAT 还原。'
      : `这条限制在它们之间不起作用：${solid(s.param('restriction'))}`),
  'policy-routing-misses-containers': (s) =>
    `策略路由让源地址为 ${s.param('address')} 的包查 ${s.param('table')} 表，却没有包括 ${s.param('subnet')}。` +
    '发布端口的应答在选路时源地址还是容器的地址，于是从另一个上联口出去，与请求进来的不是同一个。',
  'duplicate-mac': (s) =>
    `容器 ${s.param('containers')} 在网桥 ${s.param('bridge')} 上使用相同的 MAC 地址 ${s.param('mac')}：网桥总是发给最近发过包的那一个。`,
  'arp-suppressed': (s) =>
    `网卡不为本机的所有地址应答 ARP（${s.param('sysctl')} = ${s.param('value')}），对方不知道该把包发到哪里。`,
  'path-mtu-black-hole': (s) =>
    `途中某一段只能通过更小的包，并用 ICMP 通知了发送方，但${ruleOf(s)}拦下了这个通知，发送方继续发过大的包：${solid(s.param('rule'))}`,
  'host-firewall-blocks-proxied-port': (s) =>
    `对这些客户端来说，端口 ${s.param('port')} 由 userland-proxy 提供服务，而不是 NAT，包是发给主机自身的，要经过 filter/INPUT；${ruleOf(s)}在那里拦下了它们：${solid(s.param('rule'))}`,
  'dnat-before-netfilter': (s) =>
    `${s.param('link')} 上挂着程序（${s.param('program')}），它可能在 netfilter 之前改写数据包。被它直接改成容器地址的包，会被引擎在 raw/PREROUTING 的规则当作直接访问丢弃。`,
  'ipv6-router-advertisements-ignored': (s) =>
    `主机开启了 IPv6 转发，内核因此忽略 ${s.param('link')} 上的路由器通告（${s.param('sysctl')} = ${s.param('value')}）：通告带来的默认路由到期后不会再续。`,
  'ipv6-neighbour-proxy-missing': (s) =>
    `网络 ${s.param('network')} 使用 ${s.param('subnet')}，而邻居们认为这段地址就在 ${s.param('link')} 的链路上：它们在那里查询容器的地址，没有人应答。`,
  'proxy-hides-ipv6-client': (s) =>
    `访问端口 ${s.param('port')} 的 IPv6 客户端经 userland-proxy 到达容器 ${s.param('container')}（它没有 IPv6 地址）：在容器看来，来源都是 ${s.param('gateway')}。`,
  'ipv4-disabled-on-network': (s) =>
    `网络 ${s.param('network')} 创建时关闭了 IPv4：${s.param('containers')} 在其中没有 IPv4 地址。${asked}`,
  'host-gateway-name-missing': (s) =>
    `容器 ${s.param('container')} 查询 ${s.param('name')}，而在 Linux 上，只有启动容器时用 --add-host 指定过，这个名字才存在。`,
  'uplink-in-vrf': (s) =>
    `上联口 ${s.param('link')} 属于 VRF ${s.param('vrf')}，默认路由在它的 ${s.param('table')} 表里：容器发出的包查的是主表，那里没有默认路由。`,
  'wsl2-loopback': (s) =>
    `这是使用镜像网络的 WSL2（${s.param('link')}）：从 Windows 访问 127.0.0.1 的连接从这里进来，而引擎 ${s.param('engine')} 没有对应的规则，28.0 才有。`,
  'upstream-drops': (s) =>
    `包以 ${s.param('source')} 为源地址从 ${s.param('link')} 离开主机，主机这边没有问题，但应答没有回来。原因在主机之外：安全组、源地址检查，或者缺少回程路由。`,
  'stale-conntrack': (s) =>
    `有 ${s.param('count')} 条到端口 ${s.param('port')} 的 UDP 连接跟踪记录，早于现在的端口映射，或者对应的是以前的容器：NAT 只看连接的第一个包，这些客户端在停顿之前会一直走老路。`,
  'conntrack-full': (s) =>
    s.param('used') === ''
      ? '连接跟踪表满过：内核丢弃了新连接的包。'
      : `连接跟踪表已用 ${s.param('used')}，上限 ${s.param('max')}：表满之后，内核会丢弃新连接的包。`,
  'invalid-state-dropped': (s) =>
    `${ruleOf(s)}丢弃连接跟踪判为 INVALID 的包：${solid(s.param('rule'))}。来回路径不同，或者窗口判断有误时，正常的连接也会被它切断。`,
  'checksum-offload': (s) =>
    `内核报告 ${s.param('link') || '某个网卡'} 的校验和错误：网卡或下层宿主机没有正确填写校验和，接收方会丢弃这样的包。`,
  'host-port-taken': (s) =>
    `引擎无法启动容器 ${s.param('container')}：主机的 ${s.param('address')} 已被占用` +
    `${unlessEmpty(s.param('holder'), `，占用者是 ${s.param('holder')}`)}。${said(s)}`,
  'publish-address-not-local': (s) =>
    `容器 ${s.param('container')} 把端口发布在 ${s.param('address')} 上，而这不是本机的地址。${said(s)}`,
  'addresses-exhausted': (s) =>
    `网络 ${s.param('network') || '（未知）'} 没有空闲地址了${unlessEmpty(s.param('pool'), `（${s.param('pool')}）`)}。${said(s)}`,
  'user-bridge-unready': (s) =>
    `配置让 dockerd 使用网桥 ${s.param('bridge')}，但它不存在或者没有地址：除 docker0 之外，dockerd 不会替你创建网桥。${said(s)}`,
  'driver-not-in-kernel': (s) =>
    `内核不支持所要求的接口类型或协议${unlessEmpty(s.param('container'), `（容器 ${s.param('container')}）`)}。${said(s)}`,
  'kernel-modules-gone': (s) =>
    `正在运行的内核已经无法加载模块${unlessEmpty(s.param('kernel'), `（没有 /lib/modules/${s.param('kernel')}）`)}：内核升级后主机没有重启。${said(s)}`,
  'xtables-extension-missing': (s) =>
    `内核缺少引擎规则所用的扩展${unlessEmpty(s.param('extension'), `（${s.param('extension')}）`)}，规则因此无法创建。${said(s)}`,
  'iptables-cannot-read-nft': (s) =>
    `有人用 nft 往 ${s.param('table') || '某个表'} 里加了 iptables 读不懂的规则：iptables 无法列出和检查这个表，dockerd 也一样。`,
  'xtables-lock-contention': (s) =>
    `dockerd 有 ${s.param('count')} 次在等待 iptables 的锁：别的程序在不停地调用 iptables。容器启动会变慢，规则也可能缺失。`,
  'resolver-overloaded': (s) =>
    `引擎的域名解析器来不及处理容器的查询（日志里有 ${s.param('count')} 次），解析因此时好时坏。${said(s)}`,
  'libseccomp-too-old': (s) =>
    `${s.param('architecture')} 上的 libseccomp ${s.param('version')} 不认识新镜像使用的 64 位时间系统调用：这些调用在容器里被拒绝，域名解析和连接随之失败，看上去像是网络问题。`,
  'store-inconsistent': (s) =>
    `Docker 的存储（local-kv.db）有 ${s.param('count')} 处自相矛盾，dockerd 可能因此拒绝启动，或者保留着没有人使用的东西。${said(s)}`,
} as const satisfies Partial<Record<Cause, (s: Story) => string>>;
